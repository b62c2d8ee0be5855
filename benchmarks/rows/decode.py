"""Writing with a GPT: tokens per second behind a prompt of 64, one text and eight at once, in bfloat16."""

from __future__ import annotations

from benchmarks.frame.compare import Child, Limit, compare, options
from benchmarks.gpt_shapes import SHAPES, Shape

PROMPT_TOKENS, NEW_TOKENS = 64, 128
BYTES_PER_WEIGHT = 2
TARGETS = {1: 2.5, 8: 1.5}
ENGINE_TARGET = 0.9
ENGINE, TRANSFORMERS, LLAMA_CPP = "isocost through llama.cpp", "transformers generate", "llama.cpp"


def contenders(shape: Shape, batch: int) -> list[Child]:
    arguments = {
        "shape": shape.as_arguments(),
        "batch": batch,
        "prompt_tokens": PROMPT_TOKENS,
        "new_tokens": NEW_TOKENS,
    }
    peer = "benchmarks.peers.decode_transformers"
    return [
        Child(name="isocost", module="benchmarks.ours.decode", arguments=arguments),
        Child(
            name=ENGINE,
            module="benchmarks.ours.decode_llama_cpp",
            arguments=arguments,
            target=ENGINE_TARGET,
            against=(LLAMA_CPP,),
        ),
        Child(name=TRANSFORMERS, module=peer, arguments=arguments, is_peer=True),
        Child(name=LLAMA_CPP, module="benchmarks.peers.decode_llama_cpp", arguments=arguments),
    ]


def main() -> None:
    chosen = options(__doc__)
    for name in ("b", "c"):
        shape = SHAPES[name]
        for batch, target in TARGETS.items():
            words = (
                f"({name}) d {shape.width}, {shape.layers} layers, {shape.heads} heads, vocabulary {shape.vocab:,}, "
                f"prompt {PROMPT_TOKENS} + {NEW_TOKENS}, batch {batch}, bfloat16"
            )
            if chosen.only in words:
                compare(
                    "decode",
                    words,
                    contenders(shape, batch),
                    unit="tokens/s",
                    rounds=chosen.rounds,
                    limit=Limit(name="memory read", work_per_unit=BYTES_PER_WEIGHT * shape.matmul_parameters / batch),
                    peers=[LLAMA_CPP],
                    target=target,
                    against=[TRANSFORMERS],
                    is_recorded=not chosen.dry,
                )


if __name__ == "__main__":
    main()
