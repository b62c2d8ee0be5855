"""The playground names the versions that a checkpoint is kept as, and may ask which words spoke for an answer."""

from __future__ import annotations

from tests.factories import Cast, make_checkpoint
from webapp.registry.models import ModelVersion, Stage
from webapp.serving.requests import parse_ask


def test_the_picker_names_versions(cast: Cast) -> None:
    checkpoint = make_checkpoint(cast)
    ModelVersion.objects.create(
        project=cast.project, name="客服 helper", number=3, checkpoint=checkpoint, sha256=checkpoint.sha256,
        stage=Stage.PRODUCTION,
    )  # fmt: skip
    page = cast.client(cast.vera).get(f"/projects/{cast.project.code}/playground/").content.decode()
    assert "客服 helper v3 (production)" in page


def test_an_explanation_is_asked_for_with_its_answer() -> None:
    ask = parse_ask({"id": "1", "op": "explain", "checkpoint": "abc", "prompt": "salt", "answer": "kitchen"})
    assert (ask.op, ask.answer) == ("explain", "kitchen")
