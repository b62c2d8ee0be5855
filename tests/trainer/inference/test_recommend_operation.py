"""A user's profile asked for as the inference process is asked: an operation found by looking, refused where it cannot be."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.trainer.conftest import last_checkpoint, run_job
from tests.trainer.models.recommenders.test_resume import raw_spec
from tests.trainer.models.recommenders.test_resume import version as version
from trainer.inference.loading import load_model
from trainer.inference.operations import operations
from trainer.inference.operations.recommend import ProfileRequest


def test_a_profile_is_one_json_answer(version: Path, tmp_path: Path) -> None:
    run_job(tmp_path / "job", raw_spec(version, "dlrm"))
    loaded = load_model(last_checkpoint(tmp_path / "job"), device="cpu")
    operation = operations()["recommend"]
    assert operation.answer is not None
    request = msgspec.json.decode(
        msgspec.json.encode({"id": "1", "op": "recommend", "user": "用户3", "history": ["商品1", "商品2"], "top": 4}),
        type=ProfileRequest,
    )
    found = msgspec.json.decode(msgspec.json.encode(operation.answer(loaded, request)))
    assert found["user"] == "用户3"
    assert found["is_changed"] is True
    assert len(found["items"]) == 4
    assert {"商品1", "商品2"} == {each["item"] for each in found["history"]}
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"id": "1", "op": "recommend", "people": 3}', type=ProfileRequest)
