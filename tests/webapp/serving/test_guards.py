"""Guard rails stand before every answer, and each decision is kept with its reason."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.urls import reverse

from tests.factories import Cast, make_checkpoint
from trainer.guards import GuardRule, checked, read_rules
from webapp.registry.models import ModelVersion
from webapp.serving.abilities import abilities
from webapp.serving.guarding import guarded_stream, guards_of, held_back, keep, refusal
from webapp.serving.models import Guard, GuardDecision
from webapp.serving.requests import parse_ask


@pytest.mark.django_db(transaction=True)
def test_an_answer_is_held_back_until_it_was_checked(cast: Cast) -> None:
    checkpoint = make_checkpoint(cast)
    mine = Guard.objects.create(project=cast.project, name="Mask", kind="personal", direction="output", action="mask")

    async def answers() -> AsyncIterator[dict[str, Any]]:
        yield {"event": "start", "prompt": "", "num_cut_tokens": 0}
        for text in ("write to ada@", "example.org", " today"):
            yield {"event": "token", "text": text}
        yield {"event": "done", "result": {"num_tokens": 3, "end": "length"}}

    async def all_of() -> list[dict[str, Any]]:
        return [message async for message in held_back(answers(), [mine], checkpoint, cast.bob)]

    told = async_to_sync(all_of)()
    assert [message["event"] for message in told] == ["start", "token", "done"]
    assert told[1]["text"] == "write to <EMAIL> today"
    assert told[2]["result"]["end"] == "masked"
    decision = GuardDecision.objects.get()
    assert (decision.guard, decision.action, decision.direction, decision.created_by) == (
        mine,
        "mask",
        "output",
        cast.bob,
    )
    assert decision.reason == "personal data: email (1)"
    assert "ada@" not in decision.excerpt


@pytest.mark.django_db(transaction=True)
def test_guards_of_a_version_guard_that_version_alone(cast: Cast) -> None:
    first, second = make_checkpoint(cast), make_checkpoint(cast, step=200)
    version = ModelVersion.objects.create(
        project=cast.project, name="helper", number=1, checkpoint=first, sha256=first.sha256
    )
    Guard.objects.create(project=cast.project, name="one", terms="x", version=version)
    Guard.objects.create(project=cast.project, name="all", terms="x")
    Guard.objects.create(project=cast.project, name="off", terms="x", is_on=False)
    assert {each.name for each in async_to_sync(guards_of)(first)} == {"one", "all"}
    assert {each.name for each in async_to_sync(guards_of)(second)} == {"all"}
    nothing = checked("x", [GuardRule(name="other", terms="y")], direction="input").decisions
    async_to_sync(keep)(nothing, [], first, cast.bob)
    assert not GuardDecision.objects.exists()
    assert [message["event"] for message in refusal("no")] == ["start", "token", "done"]


def test_only_admins_change_guards_and_everybody_sees_decisions(cast: Cast) -> None:
    url = reverse("guards", args=[cast.project.code])
    given = {
        "name": "Bombs",
        "kind": "words",
        "direction": "both",
        "action": "refuse",
        "terms": "bomb*",
        "min_hits": "",
    }
    assert cast.client(cast.bob).post(reverse("guard-create", args=[cast.project.code]), given).status_code == 403
    admin = cast.client(cast.alice)
    wrong = admin.post(reverse("guard-create", args=[cast.project.code]), {**given, "terms": " "})
    assert wrong.status_code == 422
    assert "Write the words" in wrong.content.decode()
    assert admin.post(reverse("guard-create", args=[cast.project.code]), given).headers["Location"] == url
    made = Guard.objects.get()
    assert (made.min_hits, made.created_by) == (1, cast.alice)
    GuardDecision.objects.create(
        project=cast.project, guard=made, guard_name="Bombs", model_label="m", direction="input", action="refuse",
        reason="words: bomb", excerpt="<b>",
    )  # fmt: skip
    page = cast.client(cast.vera).get(url).content.decode()
    assert "words: bomb" in page
    assert "&lt;b&gt;" in page
    admin.post(reverse("guard-change", args=[cast.project.code]), {"guard": made.pk, "do": "switch"})
    made.refresh_from_db()
    assert not made.is_on
    admin.post(reverse("guard-change", args=[cast.project.code]), {"guard": made.pk, "do": "remove"})
    assert GuardDecision.objects.get().guard is None


@pytest.mark.django_db(transaction=True)
def test_what_is_asked_goes_on_masked_with_all_that_was_said_before(cast: Cast) -> None:
    rules = [
        GuardRule(name="privacy", kind="personal", action="mask", direction="input"),
        GuardRule(name="bombs", terms="bomb*", direction="input"),
    ]
    said = [("user", "I am ada@example.org"), ("assistant", "hello"), ("user", "bombs?"), ("assistant", "no")]
    messages = [{"role": role, "content": text} for role, text in [*said, ("user", "mail bob@example.org")]]
    ask = parse_ask({"id": "1", "op": "chat", "messages": messages})
    passed = ask.passed(checked(ask.prompt, rules, direction="input").text, rules)
    assert [each.content for each in passed.messages] == ["I am <EMAIL>", "hello", "mail <EMAIL>"]
    one = parse_ask({"id": "1", "op": "generate", "prompt": "write to ada@example.org"})
    assert abilities()["generate"].fields(one.passed("write to <EMAIL>", rules))["prompt"] == "write to <EMAIL>"


@pytest.mark.django_db(transaction=True)
def test_a_model_that_tells_labels_is_not_asked_what_is_refused(cast: Cast) -> None:
    checkpoint = make_checkpoint(cast)
    Guard.objects.create(project=cast.project, name="bombs", terms="bomb*", refusal="Not here.")
    ask = parse_ask({"id": "1", "op": "predict", "prompt": "a bomb"})

    async def told() -> list[dict[str, Any]]:
        stream = guarded_stream(ability=abilities()["predict"], ask=ask, checkpoint=checkpoint, asked_by=cast.bob)
        return [message async for message in stream]

    assert async_to_sync(told)() == [{"event": "error", "code": "refused", "sentence": "Not here."}]
    assert GuardDecision.objects.get().reason == "words: bomb"


def test_the_checks_can_be_taken_to_the_command_line(cast: Cast, tmp_path: Path) -> None:
    Guard.objects.create(project=cast.project, name="贷款", terms="loan*\n贷款", refusal="问人", action="refuse")
    Guard.objects.create(project=cast.project, name="off", terms="x", is_on=False)
    answer = cast.client(cast.vera).get(reverse("guards-download", args=[cast.project.code]))
    (tmp_path / "guards.json").write_bytes(answer.content)
    assert read_rules(tmp_path / "guards.json") == [GuardRule(name="贷款", terms="loan*\n贷款", refusal="问人")]
