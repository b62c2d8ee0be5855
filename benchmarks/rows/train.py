"""Training a GPT: tokens per second of our whole job and of the peers' loops, compiled, in bfloat16 and float32."""

from __future__ import annotations

from benchmarks.frame.compare import Child, Limit, compare, options
from benchmarks.gpt_shapes import SHAPES, Shape, in_words

STEPS = {"a": 12, "b": 4}
TARGETS = {("a", "bfloat16"): 1.25, ("b", "bfloat16"): 1.25, ("a", "float32"): 1.2, ("b", "float32"): 1.4}
LIMIT = {"bfloat16": "matmul bfloat16, oneDNN", "float32": "matmul float32, oneDNN"}


def contenders(shape: Shape, dtype: str, steps: int) -> list[Child]:
    arguments = {"shape": shape.as_arguments(), "dtype": dtype, "steps": steps, "compile": True}
    plain = "benchmarks.peers.gpt_plain"
    return [
        Child(name="isocost", module="benchmarks.ours.gpt_train", arguments=arguments),
        Child(name="plain loop, compiled", module=plain, arguments=arguments | {"recipe": "plain"}, is_peer=True),
        Child(name="research loop, compiled", module=plain, arguments=arguments | {"recipe": "research"}, is_peer=True),
        Child(
            name="HF Trainer, compiled", module="benchmarks.peers.gpt_transformers", arguments=arguments, is_peer=True
        ),
        Child(name="litgpt, compiled", module="benchmarks.peers.gpt_litgpt", arguments=arguments, is_peer=True),
    ]


def main() -> None:
    chosen = options(__doc__)
    for (name, dtype), target in TARGETS.items():
        shape = SHAPES[name]
        words = f"{in_words(name, shape)}, batch {shape.batch}, {dtype}"
        if chosen.only in words:
            compare(
                "train",
                words,
                contenders(shape, dtype, STEPS[name]),
                unit="tokens/s",
                rounds=chosen.rounds,
                limit=Limit(name=LIMIT[dtype], work_per_unit=shape.flop_per_token),
                target=target,
                is_recorded=not chosen.dry,
            )


if __name__ == "__main__":
    main()
