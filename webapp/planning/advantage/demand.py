"""What a FLOP costs in training and in serving, and the tokens to be served."""

from __future__ import annotations

from economics.scaling.inference_aware import ServedDemand
from economics.verbs.plan import serving_flop
from webapp.planning.inputs import PlanInputs
from webapp.planning.prices import PriceUsed
from webapp.planning.scale import ScaleAnswer


def served_demand(inputs: PlanInputs, price: PriceUsed, found: ScaleAnswer) -> ServedDemand:
    """Return what a FLOP costs in training, reading and writing, and the tokens of the horizon."""
    per_second = price.usd_per_hour / 3600
    speed = float(found.offer.speed(found.best["num_params"], found.best["num_accelerators"]))
    decode, prefill = serving_flop(found.offer, 8e9)
    months = int(inputs.horizon_months)
    growth = sum((1 + inputs.growth_per_month) ** month for month in range(months))
    total = inputs.tokens_per_month * growth
    return ServedDemand(
        num_input_tokens=total * (1 - inputs.output_fraction), num_output_tokens=total * inputs.output_fraction,
        training_usd_per_flop=per_second / speed * inputs.rnd_multiplier,
        prefill_usd_per_flop=per_second / prefill, decode_usd_per_flop=per_second / decode,
    )  # fmt: skip
