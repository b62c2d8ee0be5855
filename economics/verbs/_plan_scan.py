"""The scan behind a plan: twice, wide and fine; the chosen mix with intervals; what each hardware would offer."""

from __future__ import annotations

from typing import Any

import numpy as np

from economics.plan import Chosen, HardwareOffer, Limits, Scan, ServingCost, plan_band, plan_choose, plan_scan
from economics.plan.choose import Goal
from economics.scaling.fitted import FittedLaw
from economics.scaling.mixes import two_digits
from economics.scaling.predict import predict_loss
from economics.scaling.published import published_data_constrained_law
from economics.uncertainty import Distribution, draw_jointly, interval_of

GRID = 140
"""Sizes and token counts tried at first; the neighbourhood of the best is then scanned again, finer."""


FEWEST_TOKENS = 1e8


def scan_twice(
    fitted: FittedLaw, offers: list[HardwareOffer], limits: Limits, goal: Goal, multiplier: float, serving: ServingCost
) -> tuple[Scan, Chosen, dict[str, tuple[float, float]], int]:
    """A wide scan, then a fine one about its best; the wide one gives band and front."""
    law = fitted.law
    assert law is not None
    repeated = published_data_constrained_law()

    def scanned(sizes: Any, tokens: Any) -> Scan:
        return plan_scan(
            law, offers, limits, sizes=sizes, tokens=tokens, multiplier=multiplier, serving=serving,
            repeats=(repeated.R_D_star, repeated.R_N_star),
        )  # fmt: skip

    fewest = min(FEWEST_TOKENS, limits.unique_tokens)  # of little data a plan makes the little that it allows
    wide = scanned(np.geomspace(1e6, 4e12, GRID), np.geomspace(fewest, 2e14, GRID))
    best = plan_choose(wide, goal)
    near = np.geomspace(0.88, 1.14, 41)
    tokens = best.num_tokens * near
    if np.isfinite(limits.unique_tokens):
        tokens = np.unique(np.append(tokens, [limits.unique_tokens]))
    fine = scanned(best.num_params * near, tokens)
    finest = plan_choose(fine, goal) if fine.feasible.any() else best
    band = plan_band(wide, best, goal)
    for name, ends in band.items():
        value = getattr(finest, name)
        band[name] = (min(ends[0], value), max(ends[1], value))
    better = finest if _value(finest, goal) <= _value(best, goal) else best
    return wide, better, band, wide.num_configurations + fine.num_configurations


def _value(chosen: Chosen, goal: Goal) -> float:
    if goal == "best-loss":
        return chosen.loss
    return chosen.wall_seconds if goal == "fastest" else chosen.training_usd + chosen.serving_usd


def worth_showing(front: list[Chosen], best: Chosen) -> list[Chosen]:
    """The front from a hundredth of the best's money on: toys are not choices."""
    least = 0.01 * (best.training_usd + best.serving_usd)
    return [point for point in front if point.training_usd + point.serving_usd >= least]


def as_plain(chosen: Chosen, offers: list[HardwareOffer]) -> dict[str, Any]:
    """One configuration as plain numbers, sizes to two digits."""
    offer = offers[chosen.offer]
    return {
        "num_params": two_digits(chosen.num_params),
        "num_tokens": two_digits(chosen.num_tokens),
        "accelerator": offer.name,
        "term": offer.term,
        "num_accelerators": chosen.count,
        "loss": chosen.loss,
        "training_usd": chosen.training_usd,
        "serving_usd": chosen.serving_usd,
        "wall_seconds": chosen.wall_seconds,
    }


def with_intervals(
    chosen: Chosen, fitted: FittedLaw, offers: list[HardwareOffer], multiplier: Distribution, limits: Limits,
    num_draws: int, seed: int,
) -> dict[str, Any]:  # fmt: skip
    """The chosen mix with p10, p50, p90 of its loss, money and time, and the chance that the limits hold."""
    offer = offers[chosen.offer]
    draws = draw_jointly(
        {"price": offer.price_spread, "speed": offer.speed_spread, "multiplier": multiplier},
        num_draws=num_draws, seed=seed,
    )  # fmt: skip
    wall = chosen.wall_seconds / draws["speed"]
    cost = chosen.training_usd * draws["price"] / draws["speed"] * draws["multiplier"] / multiplier.median
    prediction = predict_loss(fitted, chosen.num_params, chosen.num_tokens, seed=seed)
    # repeats raise the loss; carry the central shift over to the interval
    shift = chosen.loss / prediction.loss.p50
    return as_plain(chosen, offers) | {
        "tokens_per_param": two_digits(chosen.num_tokens / chosen.num_params),
        "num_epochs": max(1.0, chosen.num_tokens / limits.unique_tokens),
        "loss": (prediction.loss * shift).to_dict(),
        "training_usd": interval_of(cost).to_dict(),
        "wall_seconds": interval_of(wall).to_dict(),
        "probability_within_budget": float((cost <= limits.budget_usd).mean()),
        "probability_within_deadline": float((wall <= limits.deadline_seconds).mean()),
        "warnings": [w for w in prediction.warnings if w not in fitted.warnings],
    }


def hardware_rows(scan: Scan, offers: list[HardwareOffer], goal: Goal, best: Chosen) -> list[dict[str, Any]]:
    """The best mix on each offer, and the price at which a losing one would match the winner's cost for its loss."""
    rows = []
    for index, offer in enumerate(offers):
        own = scan.feasible & (scan.offer == index)
        row: dict[str, Any] = {
            "accelerator": offer.name, "term": offer.term, "usd_per_accelerator_hour": offer.usd_per_accelerator_hour,
            "best": None, "price_to_win_usd_per_accelerator_hour": None,
        }  # fmt: skip
        if own.any():
            keys = {"best-loss": scan.loss, "cheapest": scan.total_usd, "fastest": scan.wall_seconds}[goal]
            rank = np.where(own, keys, np.inf)
            at = int(rank.argmin())
            row["best"] = {"num_params": two_digits(float(scan.num_params[at])), "value": float(keys[at])}
        if index != best.offer:
            speed = float(offer.speed(best.num_params, float(max(offer.counts))))
            winner = offers[best.offer]
            theirs = float(winner.speed(best.num_params, float(best.count)))
            if np.isfinite(speed):
                row["price_to_win_usd_per_accelerator_hour"] = two_digits(
                    winner.usd_per_accelerator_hour * speed / theirs
                )
        rows.append(row)
    return rows
