"""What a browser may ask of a model, and what it is told when it may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.factories import Cast, make_checkpoint
from trainer.families import families
from trainer.inference.operations import operations
from webapp.serving import client
from webapp.serving.abilities import abilities
from webapp.serving.requests import MAX_PROMPT_CHARACTERS, parse_ask
from webapp.serving.services import generation_create


def ask(**fields: Any) -> dict[str, Any]:
    return {"id": "1", "op": "generate", "checkpoint": "abc", "prompt": "今天", **fields}


def test_settings_have_defaults() -> None:
    parsed = parse_ask(ask())
    assert parsed.settings.num_tokens == 128
    assert parsed.settings.temperature == 0.8


@pytest.mark.parametrize(
    "wrong",
    [
        {"settings": {"temperature": -1}},
        {"settings": {"top_p": 1.5}},
        {"settings": {"num_tokens": 0}},
        {"settings": {"num_tokens": 10**9}},
        {"settings": {"temprature": 1}},
        {"settings": {"stop": ["x"] * 9}},
        {"settings": {"stop": [""]}},
        {"op": "unload"},
        {"id": ""},
        {"layer": -1},
        {"prompt": "x" * (MAX_PROMPT_CHARACTERS + 1)},
        {"path": "/etc/passwd"},
    ],
)
def test_wrong_fields_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cannot be asked"):
        parse_ask(ask(**wrong))


def test_a_draft_is_named_by_its_code_and_never_by_a_path() -> None:
    parsed = parse_ask(ask(draft="xyz"))
    assert parsed.draft == "xyz"
    assert "draft" not in abilities()["generate"].fields(parsed), "the consumer looks the code up in the project"


def test_an_engine_is_named_and_never_a_place() -> None:
    assert parse_ask(ask(engine="llama.cpp")).engine == "llama.cpp"
    for place in ("/etc/passwd", "http://169.254.169.254/v1"):
        with pytest.raises(ValueError, match="engine"):
            parse_ask(ask(engine=place))


@pytest.mark.parametrize("content", [None, [], "text", 3, {"op": "generate"}])
def test_other_shapes_are_refused(content: Any) -> None:
    with pytest.raises(ValueError, match="cannot be asked"):
        parse_ask(content)


async def test_without_the_process_a_sentence_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(client.InferenceError, match="not running") as caught:
        async for _message in client.stream("ping", socket=tmp_path / "nowhere.sock"):
            pass
    assert caught.value.code == "not_running"


def test_history_shows_answers_with_the_hash_of_their_checkpoint(cast: Cast) -> None:
    checkpoint = make_checkpoint(cast, sha256="ab" * 32)
    generation_create(
        checkpoint=checkpoint,
        created_by=cast.bob,
        prompt="<b>今天天气很好</b>",
        settings={},
        output="，适合出门",
        num_tokens=4,
        num_prompt_tokens_cut=2,
        seconds=0.5,
        ended_because="length",
    )
    page = cast.client(cast.vera).get(f"/projects/{cast.project.code}/playground/").content.decode()
    assert "，适合出门" in page
    assert "abababababab" in page
    assert "&lt;b&gt;今天天气很好" in page
    assert "2 prompt tokens cut" in page


def test_answers_stay_when_their_checkpoint_goes(cast: Cast) -> None:
    checkpoint = make_checkpoint(cast)
    answer = generation_create(
        checkpoint=checkpoint, created_by=cast.bob, prompt="a", settings={}, output="b", num_tokens=1,
        num_prompt_tokens_cut=0, seconds=0.1, ended_because="stop",
    )  # fmt: skip
    checkpoint.delete()
    answer.refresh_from_db()
    assert answer.checkpoint is None
    assert answer.checkpoint_sha256 == "0" * 64


def test_whatever_a_family_can_do_is_offered_and_answered() -> None:
    """An ability that nothing offers leaves the playground of its models empty."""
    named = {ability for family in families().values() for ability in family.abilities}
    assert named <= set(abilities())
    assert named <= set(operations())
