"""How a model is spread over accelerators: the degrees of each form of parallelism."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from economics.errors import InputError

_SHORT = {"dp": "data", "tp": "tensor", "pp": "pipeline", "cp": "context", "ep": "expert", "vpp": "virtual"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """Degrees of parallelism. The accelerators are data x tensor x pipeline x context; expert cuts the data ranks.

    >>> Layout(data=8, tensor=4, pipeline=2).num_accelerators
    64
    """

    data: int = 1
    """Ranks that see different sequences."""
    tensor: int = 1
    """Ranks that share each matrix product; norms and the rest of the sequence are shared too."""
    pipeline: int = 1
    """Groups of layers, one after the other."""
    context: int = 1
    """Ranks that share a sequence's tokens."""
    expert: int = 1
    """Data ranks among which a mixture's experts are divided."""
    virtual: int = 1
    """Stages per pipeline rank; 1: plain 1F1B, more: interleaved."""
    zero: int = 0
    """What the data ranks divide: 0 nothing, 1 optimizer, 2 also gradients, 3 also weights (FSDP)."""
    shard: int = 0
    """Data ranks that hold one divided copy (hybrid sharding); 0: all of them."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            lowest = 0 if field.name in ("zero", "shard") else 1
            if not isinstance(value, int) or value < lowest:
                raise InputError(f"parallelism.{field.name}", value, f"a whole number from {lowest}")
        if self.zero > 3:
            raise InputError("parallelism.zero", self.zero, "0, 1, 2 or 3")
        if (self.data * self.context) % self.expert:
            raise InputError(
                "parallelism.expert", self.expert, f"a divisor of data x context ({self.data * self.context})"
            )
        if self.shard and self.data % self.shard:
            raise InputError("parallelism.shard", self.shard, f"a divisor of data ({self.data})")
        if self.virtual > 1 and self.pipeline == 1:
            raise InputError("parallelism.virtual", self.virtual, "1 without a pipeline")

    @property
    def num_accelerators(self) -> int:
        """Devices that the layout takes."""
        return self.data * self.tensor * self.pipeline * self.context

    @property
    def model_ranks(self) -> int:
        """Devices that together hold one copy of the weights, before ZeRO."""
        return self.tensor * self.pipeline

    @property
    def shard_ranks(self) -> int:
        """Ranks among which ZeRO divides: the data ranks (or a shard group) times the context ranks."""
        return (self.shard or self.data) * self.context

    def as_dict(self) -> dict[str, int]:
        """The degrees by name; `shard` only where it says something."""
        values = {field.name: int(getattr(self, field.name)) for field in fields(self)}
        if not values["shard"]:
            del values["shard"]
        return values


def parse_layout(text: str, num_accelerators: int | None = None) -> Layout:
    """Read `data=8,tensor=4,zero=1`; a missing data degree takes the accelerators that remain.

    >>> parse_layout("tensor=4,pipeline=2", num_accelerators=64).data
    8
    """
    names = {field.name for field in fields(Layout)}
    values: dict[str, int] = {}
    for item in text.replace(" ", "").split(","):
        name, _, number = item.partition("=")
        name = _SHORT.get(name, name)
        if name not in names or not number.isdigit():
            raise InputError(
                "parallelism", item, "auto, or name=number joined by commas with " + ", ".join(sorted(names))
            )
        if name in values:
            raise InputError("parallelism", text, f"a list in which {name} stands once")
        values[name] = int(number)
    given_data = "data" in values
    layout = Layout(**{**values, "data": values.get("data", max(1, values.get("expert", 1)))})
    if num_accelerators is None:
        return layout
    model = layout.tensor * layout.pipeline * layout.context
    if not given_data:
        if num_accelerators % model:
            raise InputError(
                "parallelism", text, f"degrees whose product divides num_accelerators ({num_accelerators})"
            )
        layout = replace(Layout(**{**values, "data": num_accelerators // model}))
    if layout.num_accelerators != num_accelerators:
        raise InputError(
            "parallelism",
            text,
            f"a layout of num_accelerators ({num_accelerators}) devices; data x tensor x pipeline x context is "
            f"{layout.num_accelerators}",
        )
    return layout


def check_layout(
    layout: Layout, *, num_layers: int, num_heads: int, num_experts: int = 0, sequence_length: int = 0
) -> None:
    """Raise InputError where a layout cannot exist for a model and the length of its sequences, whatever its memory.

    Parameters
    ----------
    sequence_length : tokens, of which context ranks take equal parts; 0: not known

    >>> check_layout(Layout(tensor=3), num_layers=32, num_heads=32)
    Traceback (most recent call last):
    ...
    economics.errors.InputError: parallelism.tensor is 3; it must be a divisor of the model's heads (32).
    """
    if num_heads % layout.tensor:
        raise InputError("parallelism.tensor", layout.tensor, f"a divisor of the model's heads ({num_heads})")
    if sequence_length % layout.context:
        raise InputError("parallelism.context", layout.context, f"a divisor of the sequence length ({sequence_length})")
    # the stages with the tables may go without layers, so one layer may be missing per end
    if layout.pipeline * layout.virtual > num_layers + 2:
        raise InputError(
            "parallelism.pipeline", layout.pipeline * layout.virtual, f"at most the model's layers ({num_layers})"
        )
    if layout.expert > 1 and (not num_experts or num_experts % layout.expert):
        right = f"a divisor of the model's experts ({num_experts})" if num_experts else "1: the model has no experts"
        raise InputError("parallelism.expert", layout.expert, right)
