"""Challenges: finishing in budget and time, personal data, compute against regulatory thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from webapp.planning.scale import ScaleAnswer

FLOP_THRESHOLDS = {
    1e23: "EU AI Act guideline for general-purpose models (Commission guidelines of July 2025)",
    1e25: "EU AI Act, article 51: presumption of systemic risk",
}


def challenges(found: ScaleAnswer, facts: Mapping[str, Any]) -> dict[str, Any]:
    best = found.best
    law = found.arguments["fitted"].conventions
    flop = law.flop_per_param_token * best["num_params"] * best["num_tokens"]
    return {
        "probability_within_budget": best["probability_within_budget"],
        "probability_within_deadline": best["probability_within_deadline"],
        "training_flop": flop,
        "thresholds": [{"flop": limit, "share": flop / limit, "what": what} for limit, what in FLOP_THRESHOLDS.items()],
        "personal_data": facts.get("personal_data"),
    }
