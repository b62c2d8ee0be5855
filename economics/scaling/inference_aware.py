r"""The best size when the model will be served: training and serving paid together.

    minimise over N     training(N, D)  +  serving(N)      with D = D(N) from L(N, D) = l

In FLOP, training is 6 N D and serving 2 N D_inf. In money each has its own price of a FLOP: training at its MFU,
prompts at prefill's, answers at decode's, which reads all weights for every token and costs several times more. The
more a model is served, the smaller and the longer trained the best one is.

Source: Sardana et al. 2024, Beyond Chinchilla-Optimal, arXiv 2401.00448, equation 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import scipy

from economics.errors import InputError, NoAnswerError
from economics.scaling.laws import LossLaw
from economics.scaling.mixes import Mix


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedDemand:
    """Tokens a model will be served for over its life, and what a FLOP costs in each phase."""

    num_input_tokens: float = 0.0
    """Tokens read (prefill)."""

    num_output_tokens: float = 0.0
    """Tokens written (decode)."""

    training_usd_per_flop: float = 1.0
    """Price of training's model FLOP: price of a device-second over its useful FLOP; 1 compares in FLOP."""

    prefill_usd_per_flop: float = 1.0
    """Price of prefill's model FLOP."""

    decode_usd_per_flop: float = 1.0
    """Price of decode's model FLOP; higher, since decode waits for memory."""

    def cost_usd(self, num_params: float, num_tokens: float, flop_per_param_token: float = 6.0) -> float:
        """Training and serving together."""
        training = flop_per_param_token * num_params * num_tokens * self.training_usd_per_flop
        prefill = 2 * num_params * self.num_input_tokens * self.prefill_usd_per_flop
        return training + prefill + 2 * num_params * self.num_output_tokens * self.decode_usd_per_flop


def inference_aware_optimum(law: LossLaw, loss: float, demand: ServedDemand) -> Mix:
    """The mix that reaches a loss at the least cost of training and serving together.

    Parameters
    ----------
    law : of loss; its floor and its model's term bound the size from below
    loss : to reach
    demand : what will be served, and the prices

    >>> law = LossLaw(E=1.817236, A=477.8417, B=2143.8638, alpha=0.347313, beta=0.367183)
    >>> target = law.optimum(1e23).loss
    >>> alone = inference_aware_optimum(law, target, ServedDemand())
    >>> served = inference_aware_optimum(law, target, ServedDemand(num_output_tokens=2e12))
    >>> round(alone.compute_flop / 1e23, 6), round(served.num_params / alone.num_params, 2), served.loss == alone.loss
    (1.0, 0.57, True)
    """
    for name in ("num_input_tokens", "num_output_tokens"):
        if getattr(demand, name) < 0:
            raise InputError(name, getattr(demand, name), "at least 0")
    best = law.optimum_for_loss(loss)
    smallest = float((law.A / (loss - law.E)) ** (1 / law.alpha)) if law.A else 1.0

    def log_cost(log_size: float) -> float:
        size = math.exp(log_size)
        tokens = float(law.tokens_for_loss(size, loss))
        return math.log(demand.cost_usd(size, tokens, law.conventions.flop_per_param_token))

    low, high = math.log(smallest) + 1e-9, math.log(best.num_params)
    if low >= high:
        raise NoAnswerError(f"No size reaches a loss of {loss:g} under this law.")
    found = scipy.optimize.minimize_scalar(
        log_cost, bounds=(low, high + 1e-6), method="bounded", options={"xatol": 1e-10}
    )
    size = math.exp(float(found.x))
    tokens = float(law.tokens_for_loss(size, loss))
    return Mix(size, tokens, float(law.compute_flop(size, tokens)), loss)
