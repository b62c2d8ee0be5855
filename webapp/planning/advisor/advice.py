"""At most six ways to a task, each with quote, quality, memory, latency, and its regret in dollars against the best.

    total = once + months x monthly + (points of quality below the bar) x (what a point is worth)
    once  = training, as quoted + a person's hours x their price + answers bought from a teacher
    regret = total - that of the cheapest way that meets the bar (of all, where none does)

A way meets the bar where its expected quality, its latency, its memory and what it costs once are within what was asked.
What is not known does not meet a bar that was set.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from webapp.planning.advisor.quality import Expected, expected_quality
from webapp.planning.advisor.reckoning import Advice, reckoned, spec_of
from webapp.planning.advisor.table import Way, decision_table, with_weights
from webapp.planning.advisor.tasks import TASKS, Task
from webapp.planning.advisor.wanted import Wanted
from webapp.projects.models import Project
from webapp.quotes.devices import device_of_queue
from webapp.runs.estimates import queue_of
from webapp.ui.templatetags.figures import seconds, size, usd

MAX_WAYS = 6


def advise(project: Project, wanted: Wanted) -> list[Advice]:
    """Return the ways, the least regretted first; those whose cost is unknown at the end."""
    ways = [with_weights(way, wanted.weights) for way in decision_table().of_task(wanted.task)]
    found = [_advice(project, way, wanted) for way in ways]
    totals = [each.total_usd for each in found if each.total_usd is not None and each.meets_bar]
    totals = totals or [each.total_usd for each in found if each.total_usd is not None]
    least = min(totals, default=None)
    judged = [
        replace(
            each,
            regret_usd=each.total_usd - least if each.total_usd is not None and least is not None else None,
            is_best=each.meets_bar and each.total_usd == least,
        )
        for each in found
    ]
    known = sorted(
        (each for each in judged if each.regret_usd is not None), key=lambda each: (not each.meets_bar, each.regret_usd)
    )
    return [*known, *(each for each in judged if each.regret_usd is None)][:MAX_WAYS]


def _advice(project: Project, way: Way, wanted: Wanted) -> Advice:
    table = decision_table()
    quality = expected_quality(
        way, task=wanted.task, num_labels=wanted.num_labels, num_examples=wanted.num_examples,
        half=wanted.half or table.half_of(wanted.task, wanted.difficulty),
        floor=table.floor_of(wanted.task, wanted.difficulty) if wanted.stays is None else wanted.stays,
        version=wanted.version,
    )  # fmt: skip
    found = reckoned(project, way, wanted, quality)
    fails = list(_fails(found, wanted))
    total = None
    if found.monthly_usd is not None:
        total = found.once_usd + wanted.months * found.monthly_usd + found.shortfall_usd
    shown_quality, shown_range = _shown(quality, TASKS[wanted.task])
    return replace(found, fails=fails, total_usd=total, shown_quality=shown_quality, shown_range=shown_range)


def _shown(quality: Expected, task: Task) -> tuple[str, str]:
    value, low, high = quality.value, quality.low, quality.high
    if value is None:
        return "", ""
    return task.shown(value), f"{task.shown(low)} – {task.shown(high)}" if low and high and low != high else ""


def _fails(found: Advice, wanted: Wanted) -> Any:
    """Yield why a way does not meet the bar."""
    value = found.quality.value
    if wanted.quality is not None and (value is None or value < wanted.quality):
        task = TASKS[wanted.task]
        yield _("quality unknown") if value is None else _("%(measure)s: %(have)s, %(want)s wanted") % {
            "measure": task.measure_title, "have": task.shown(value), "want": task.shown(wanted.quality),
        }  # fmt: skip
    latency = found.latency_seconds
    if wanted.latency_seconds is not None and latency is not None and latency > wanted.latency_seconds:
        yield _("an answer takes %(have)s") % {"have": seconds(latency)}
    if wanted.budget_usd is not None and found.once_usd > wanted.budget_usd:
        yield _("%(have)s once, over the budget") % {"have": usd(found.once_usd)}
    device = device_of_queue(queue_of(spec_of(found.way, wanted))) if found.way.family else None
    if device and found.memory_bytes and device.memory_bytes and found.memory_bytes > device.memory_bytes:
        yield _("needs %(have)s of memory") % {"have": size(found.memory_bytes)}
    if found.monthly_usd is None:
        yield _("time and cost unknown")
