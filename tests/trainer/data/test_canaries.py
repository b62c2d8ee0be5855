"""Canaries: made up anew, planted into copies, looked for; what redaction leaves of them is counted and shown."""

from __future__ import annotations

import random

import pytest

from trainer.data.canaries import MAKERS, NUM_PER_KIND, canary_recall
from trainer.data.recipe import RedactStep
from trainer.data.redact import redact

TEXTS = ["The quick brown fox jumps over 12 lazy dogs. " * 20, "def read(path):\n    return open(path).read()\n" * 10]
NOTHING = RedactStep(**dict.fromkeys(MAKERS, False))


def test_each_kind_is_planted_and_most_are_caught() -> None:
    found = canary_recall(TEXTS, RedactStep())
    assert found is not None
    assert set(found["by_kind"]) == set(MAKERS)
    assert found["planted"] == NUM_PER_KIND * len(MAKERS)
    assert 0.85 < found["caught"] / found["planted"] < 1, "and those that no pattern knows are not"
    assert "at" in found["by_kind"]["email"]["missed"][0]
    assert canary_recall(TEXTS, RedactStep()) == found


def test_a_kind_that_is_not_looked_for_is_not_planted() -> None:
    found = canary_recall(TEXTS, RedactStep(email=False))
    assert found is not None
    assert "email" not in found["by_kind"]
    assert canary_recall(TEXTS, NOTHING) is None
    assert canary_recall(["", " "], RedactStep()) is None


@pytest.mark.parametrize("kind", ["chinese_id", "bank_card", "iban", "ip_address"])
def test_numbers_are_made_as_real_ones_are(kind: str) -> None:
    rng = random.Random(3)
    for _ in range(50):
        canary = MAKERS[kind](rng)
        assert [found.kind for found in redact(f"see {canary} there", RedactStep())[1]] == [kind], canary
