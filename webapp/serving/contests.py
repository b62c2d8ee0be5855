"""Contests: two models answer the same prompts; people, blind and in random order, and rules say whose answer is better."""

from __future__ import annotations

import random
from collections.abc import Iterable

from asgiref.sync import async_to_sync
from django.db import transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from webapp.projects.models import Project
from webapp.runs.models import Checkpoint
from webapp.serving import client
from webapp.serving.abilities import abilities
from webapp.serving.guarding import guarded_stream
from webapp.serving.models import Bout, Contest, PromptSet
from webapp.serving.queries import abilities_of
from webapp.serving.requests import parse_ask
from webapp.serving.rules import RULES, WITH_TEXT, WinRate, judged, win_rate
from webapp.serving.services import model_label
from webapp.teams.models import User

MAX_PROMPTS = 500
NUM_TOKENS = 200
WANTED_SIGN = " => "


class ContestRefused(Exception):
    """The contest cannot be held; the message says why."""


def prompts_of(lines: str, *, has_wanted: bool) -> list[dict[str, str]]:
    """Return the prompts of a text, one a line; with `has_wanted` the right answer stands behind the last " => "."""
    found = []
    for line in filter(None, map(str.strip, lines.splitlines())):
        prompt, sign, wanted = line.rpartition(WANTED_SIGN) if has_wanted else (line, "", "")
        if has_wanted and not sign:
            raise ContestRefused(_("“%(line)s” has no “ => ” with the wanted answer behind it.") % {"line": line[:80]})
        found.append({"prompt": prompt.strip(), "wanted": wanted.strip()})
    if not found or len(found) > MAX_PROMPTS:
        raise ContestRefused(_("Give from 1 to %(most)d prompts, one a line.") % {"most": MAX_PROMPTS})
    return found


def prompt_set_save(*, project: Project, name: str, prompts: list[dict[str, str]], created_by: User) -> PromptSet:
    """Keep prompts under a name that is not taken: those of an earlier contest are never changed."""
    wanted = name.strip()[:70] or str(_("Prompts"))
    taken = set(PromptSet.objects.filter(project=project, name__startswith=wanted).values_list("name", flat=True))
    names = (wanted if number == 1 else f"{wanted} {number}" for number in range(1, len(taken) + 2))
    free = next(each for each in names if each not in taken)
    return PromptSet.objects.create(project=project, name=free, prompts=prompts, created_by=created_by)


@transaction.atomic
def contest_create(
    *, project: Project, name: str, prompt_set: PromptSet, first: Checkpoint, second: Checkpoint, created_by: User,
    rule: str = "", rule_text: str = "",
) -> Contest:  # fmt: skip
    """Draw up a contest; its answers are written by a worker."""
    if first.pk == second.pk:
        raise ContestRefused(_("Choose two different models."))
    if rule in WITH_TEXT and not rule_text:
        raise ContestRefused(_("Write the text that the rule looks for."))
    if rule == "wanted" and not prompt_set.has_wanted:
        raise ContestRefused(_("These prompts have no wanted answers; save a set that has them."))
    for each in (first, second):
        if asking(each) is None:
            raise ContestRefused(_("%(model)s writes no text.") % {"model": model_label(each)})
    contest = Contest.objects.create(
        project=project, name=name.strip()[:80] or _("Contest"), prompt_set=prompt_set, first=first, second=second,
        first_label=model_label(first)[:200], second_label=model_label(second)[:200], rule=rule,
        rule_text=rule_text[:300], created_by=created_by,
    )  # fmt: skip
    chance = random.SystemRandom()
    Bout.objects.bulk_create(
        Bout(
            contest=contest, number=number, prompt=each["prompt"], wanted=each.get("wanted", ""),
            is_swapped=chance.random() < 0.5,
        )
        for number, each in enumerate(prompt_set.prompts, start=1)
    )  # fmt: skip
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
        winner = judged(contest.rule, looked_for(contest, bout), *answers) if contest.rule else ""
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


def looked_for(contest: Contest, bout: Bout, rule: str = "") -> str:
    """Return the text that a rule looks for in the answers of a bout."""
    return bout.wanted if (rule or contest.rule) == "wanted" else contest.rule_text


def bout_judge(*, contest: Contest, number: int, choice: str, judged_by: User) -> None:
    """Keep a person's choice: `left`, `right` or `tie`, as the answers lay on the page."""
    bout = contest.bouts.filter(number=number, winner="").exclude(answered_at=None).first()
    if bout is None or choice not in ("left", "right", "tie"):
        raise ContestRefused(_("This pair was judged already, or has no answers yet."))
    is_first = (choice == "left") != bout.is_swapped
    winner = "tie" if choice == "tie" else "first" if is_first else "second"
    Bout.objects.filter(pk=bout.pk, winner="").update(winner=winner, judged_by=judged_by)


def contest_rate(contest: Contest) -> WinRate:
    """Return the second model's win rate as the contest is judged: by people, or by its rule."""
    return win_rate(contest.bouts.exclude(winner="").values_list("winner", flat=True))


def contest_rates(contests: Iterable[Contest]) -> list[tuple[Contest, WinRate]]:
    """Return contests with their rates, as `contest_rate` has them, at one question to the database."""
    contests = list(contests)
    winners: dict[int, list[str]] = {contest.pk: [] for contest in contests}
    decided = Bout.objects.filter(contest__in=contests).exclude(winner="")
    for contest, winner in decided.values_list("contest_id", "winner"):
        winners[contest].append(winner)
    return [(contest, win_rate(winners[contest.pk])) for contest in contests]


def rates_by_rule(contest: Contest) -> list[tuple[str, Promise, WinRate]]:
    """Return the win rate under each rule that can be told of the answers, whoever judges the contest."""
    bouts = list(contest.bouts.exclude(answered_at=None))
    found = []
    for rule, words in RULES.items():
        usable = [bout for bout in bouts if rule != "wanted" or bout.wanted]
        if not usable or (rule in WITH_TEXT and not contest.rule_text):
            continue
        winners = [
            judged(rule, looked_for(contest, bout, rule), bout.first_answer, bout.second_answer) for bout in usable
        ]
        found.append((rule, words, win_rate(winners)))
    return found
