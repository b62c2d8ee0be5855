"""Which number format a run takes by itself, from what is known of the device. Without torch: quotes ask it, too."""

from __future__ import annotations

from trainer.sections import Dtype

BFLOAT16_PAYS_FROM_PARAMETERS = 2_000_000
BFLOAT16_PAYS_FROM_SPEEDUP = 1.8


def is_worth_halving(num_parameters: float) -> bool:
    """Say whether a model is large enough for a processor to gain by bfloat16, however fast it multiplies it."""
    return num_parameters >= BFLOAT16_PAYS_FROM_PARAMETERS


def dtype_on_processor(num_parameters: float, bfloat16_speedup: float | None) -> tuple[Dtype, str]:
    """Return the number format for matrix products on a processor, and why.

    Parameters
    ----------
    bfloat16_speedup : rate of products in bfloat16 over that in float32, as measured; None: no instructions for it
    """
    if not is_worth_halving(num_parameters):
        return "float32", f"with {num_parameters / 1e6:.1f} M parameters the conversions cost more than bfloat16 saves"
    if bfloat16_speedup is None:
        return "float32", "this processor has no instructions for bfloat16"
    measured = f"a matrix product in bfloat16 was measured {bfloat16_speedup:.1f} times as fast as in float32"
    if bfloat16_speedup < BFLOAT16_PAYS_FROM_SPEEDUP:
        return "float32", f"{measured}, which the conversions would eat up"
    return "bfloat16", measured
