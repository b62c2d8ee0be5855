"""Small models that learned something, for all tests that look into them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.trainer.conftest import last_checkpoint, run_job, train_dict


@pytest.fixture(scope="session")
def writer(version: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT that has learned the two kinds of text."""
    folder = tmp_path_factory.mktemp("inspect") / "gpt"
    run_job(folder, train_dict(version, schedule={"num_steps": 150}, batch={"sequences_per_step": 16}))
    return last_checkpoint(folder)


@pytest.fixture(scope="session")
def classifiers(version: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A bag of words and a BERT that tell weather from kitchen."""
    found = {}
    models: dict[str, dict[str, Any]] = {
        "bow": {"width": 8},
        "bert": {"objective": "classify", "num_layers": 1, "model_width": 32, "num_heads": 2, "context_length": 64},
    }
    for family, model in models.items():
        folder = tmp_path_factory.mktemp("inspect") / family
        rate = {"bow": 0.1, "bert": 3e-3}[family]
        raw = train_dict(
            version, family=family, optimizer={"learning_rate": rate}, schedule={"num_steps": 60},
            batch={"sequence_length": 48, "sequences_per_step": 16},
        )  # fmt: skip
        run_job(folder, {**raw, "model": model})
        found[family] = last_checkpoint(folder)
    return found
