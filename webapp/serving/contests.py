"""Contests: two models answer the same prompts; people, blind and in random order, or a rule say whose answer is better."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass

import scipy
from asgiref.sync import async_to_sync
from django.db import transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from webapp.projects.models import Project
from webapp.runs.models import Checkpoint
from webapp.serving import client
from webapp.serving.abilities import abilities
from webapp.serving.guarding import guarded_stream
from webapp.serving.models import Bout, Contest
from webapp.serving.queries import abilities_of
from webapp.serving.requests import parse_ask
from webapp.serving.services import model_label
from webapp.teams.models import User

MAX_PROMPTS = 500
NUM_TOKENS = 200
RULES: dict[str, Promise] = {
    "contains": gettext_lazy("has this text"),
    "lacks": gettext_lazy("does not have this text"),
    "json": gettext_lazy("is valid JSON"),
    "shorter": gettext_lazy("is shorter"),
    "longer": gettext_lazy("is longer"),
}


class ContestRefused(Exception):
    """The contest cannot be held; the message says why."""


@transaction.atomic
def contest_create(
    *, project: Project, name: str, prompts: list[str], first: Checkpoint, second: Checkpoint, created_by: User,
    rule: str = "", rule_text: str = "",
) -> Contest:  # fmt: skip
    """Draw up a contest; its answers are written by a worker."""
    if not prompts or len(prompts) > MAX_PROMPTS:
        raise ContestRefused(_("Give from 1 to %(most)d prompts, one a line.") % {"most": MAX_PROMPTS})
    if first.pk == second.pk:
        raise ContestRefused(_("Choose two different models."))
    if rule in ("contains", "lacks") and not rule_text:
        raise ContestRefused(_("Write the text that the rule looks for."))
    for each in (first, second):
        if asking(each) is None:
            raise ContestRefused(_("%(model)s writes no text.") % {"model": model_label(each)})
    contest = Contest.objects.create(
        project=project, name=name[:80] or _("Contest"), prompts=prompts, first=first, second=second,
        first_label=model_label(first)[:200], second_label=model_label(second)[:200], rule=rule,
        rule_text=rule_text[:300], created_by=created_by,
    )  # fmt: skip
    chance = random.SystemRandom()
    Bout.objects.bulk_create(
        Bout(contest=contest, number=number, prompt=prompt, is_swapped=chance.random() < 0.5)
        for number, prompt in enumerate(prompts, start=1)
    )
    return contest


def asking(checkpoint: Checkpoint) -> str | None:
    """Return the ability by which a model is asked for a text: an answer first, a translation, a continuation."""
    can = abilities_of(checkpoint)
    return next((name for name in ("chat", "translate", "generate") if name in can), None)


def contest_answer(*, contest: Contest) -> None:
    """Let both models answer every prompt that has no answers yet, and judge by the rule, if there is one."""
    models = (contest.first, contest.second)
    if None in models:
        Contest.objects.filter(pk=contest.pk).update(problem=_("One of the checkpoints is not kept any more."))
        return
    for bout in contest.bouts.filter(answered_at=None):
        try:
            answers = [async_to_sync(answer_of)(model, bout.prompt) for model in models if model]
        except client.InferenceError as error:
            Contest.objects.filter(pk=contest.pk).update(problem=str(error)[:500])
            return
        winner = judged(contest.rule, contest.rule_text, *answers) if contest.rule else ""
        Bout.objects.filter(pk=bout.pk).update(
            first_answer=answers[0], second_answer=answers[1], answered_at=timezone.now(), winner=winner
        )
    Contest.objects.filter(pk=contest.pk).update(problem="")


async def answer_of(checkpoint: Checkpoint, prompt: str) -> str:
    """Return what a model answers to a prompt, always the same."""
    name = asking(checkpoint) or ""
    settings = {"num_tokens": NUM_TOKENS, "temperature": 0}
    asked = {"messages": [{"role": "user", "content": prompt}]} if name == "chat" else {"prompt": prompt}
    ask = parse_ask({"id": "contest", "op": name, "checkpoint": checkpoint.code, "settings": settings, **asked})
    text = ""
    async for message in guarded_stream(ability=abilities()[name], ask=ask, checkpoint=checkpoint, asked_by=None):
        if message["event"] == "token":
            text += message["text"]
        elif message["event"] == "done" and name == "translate":
            text = message["result"]["text"]
    return text


def judged(rule: str, text: str, first: str, second: str) -> str:
    """Return which answer the rule finds better: `first`, `second` or `tie`."""
    scores = [score(rule, text, answer) for answer in (first, second)]
    return "tie" if scores[0] == scores[1] else "first" if scores[0] > scores[1] else "second"


def score(rule: str, text: str, answer: str) -> float:
    if rule in ("contains", "lacks"):
        return float((text in answer) == (rule == "contains"))
    if rule == "json":
        return float(is_json(answer))
    return len(answer) if rule == "longer" else -len(answer)


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def bout_judge(*, contest: Contest, number: int, choice: str, judged_by: User) -> None:
    """Keep a person's choice: `left`, `right` or `tie`, as the answers lay on the page."""
    bout = contest.bouts.filter(number=number, winner="").exclude(answered_at=None).first()
    if bout is None or choice not in ("left", "right", "tie"):
        raise ContestRefused(_("This pair was judged already, or has no answers yet."))
    is_first = (choice == "left") != bout.is_swapped
    winner = "tie" if choice == "tie" else "first" if is_first else "second"
    Bout.objects.filter(pk=bout.pk, winner="").update(winner=winner, judged_by=judged_by)


@dataclass(frozen=True, kw_only=True, slots=True)
class WinRate:
    """How often the second model won; a tie is half a win."""

    num_judged: int
    wins: int
    losses: int
    ties: int
    rate: float | None
    low: float | None
    high: float | None


def win_rate(contest: Contest) -> WinRate:
    """Return the second model's win rate with a 95 % interval (Clopper-Pearson over the bouts that were no tie)."""
    found = list(contest.bouts.exclude(winner="").values_list("winner", flat=True))
    wins, losses, ties = (found.count(name) for name in ("second", "first", "tie"))
    if not found:
        return WinRate(num_judged=0, wins=0, losses=0, ties=0, rate=None, low=None, high=None)
    total = len(found)
    low, high = exact_interval(wins, wins + losses)
    decided = (wins + losses) / total
    half_ties = 0.5 * ties / total  # an interval of the decided bouts, moved and narrowed by those that say nothing
    return WinRate(
        num_judged=total, wins=wins, losses=losses, ties=ties, rate=(wins + 0.5 * ties) / total,
        low=low * decided + half_ties, high=high * decided + half_ties,
    )  # fmt: skip


def exact_interval(wins: int, total: int, *, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of a share that an exact binomial test does not refuse (Clopper and Pearson 1934)."""

    if total == 0:
        return 0.0, 1.0
    tail = (1 - level) / 2
    low = 0.0 if wins == 0 else float(scipy.stats.beta.ppf(tail, wins, total - wins + 1))
    high = 1.0 if wins == total else float(scipy.stats.beta.ppf(1 - tail, wins + 1, total - wins))
    return low, high
