"""At most six ways to a task, each with quote, quality, memory, latency, and its regret in dollars against the best.

    total = once + months x monthly + (points of quality below the bar) x (what a point is worth)
    once  = training, as quoted + a person's hours x their price + answers bought from a teacher
    regret = total - that of the cheapest way that meets the bar (of all, where none does)

A way meets the bar where its expected quality, its latency, its memory and what it costs once are within what was asked.
What is not known does not meet a bar that was set.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.translation import gettext as _

from economics.architecture.bag import BagOfWords
from economics.plan.options import FLOP_PER_PARAM_TOKEN
from economics.uncertainty import Interval
from trainer.families import get_family
from trainer.sections import BatchSpec, DataSpec, ScheduleSpec
from trainer.spec import TrainSpec
from webapp.catalogue.models import ApiPrice
from webapp.datasets.models import DatasetVersion
from webapp.planning.advisor.quality import Expected, expected_quality
from webapp.planning.advisor.table import Way, decision_table, with_weights
from webapp.planning.advisor.tasks import TASKS, Task
from webapp.projects.models import Project
from webapp.quotes.devices import Device, device_of_queue
from webapp.runs.estimates import Estimate, estimate, queue_of
from webapp.ui.templatetags.figures import seconds, size, usd

MAX_WAYS = 6
STARTED_SECONDS, BOUND_BY_MEMORY = 6.0, 0.02
WRITTEN_OVER_READ = 4.0
"""A token that is written takes about four times one that is read: one at a time, memory is the limit."""

FORWARD_SHARE = 1 / 3
OVERHEAD_SECONDS = 0.01
"""Of an answer of one's own model: the request itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What somebody asks the advisor."""

    task: str
    version: DatasetVersion
    num_labels: int
    """Kinds of things, or items, where a task counts by these."""

    num_examples: int
    difficulty: str = "usual"
    half: float | None = None
    """Examples a label that the task wants; None: by its difficulty."""

    stays: float | None = None
    """Share that stays wrong whatever the way; None: by the task and its difficulty."""

    budget_usd: float | None = None
    quality: float | None = None
    latency_seconds: float | None = None
    requests_per_month: float = 10_000
    tokens_in: float = 200
    tokens_out: float = 20
    months: float = 12
    usd_per_point: float = 100
    """What one point of quality (one answer in a hundred) below the bar costs over the horizon."""

    usd_per_hour_of_work: float = 60
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Advice:
    """One way, reckoned. None is unknown."""

    way: Way
    title: str
    quality: Expected
    num_parameters: int | None
    training_seconds: Interval | None
    training_usd: Interval | None
    memory_bytes: float | None
    latency_seconds: float | None
    once_usd: float
    monthly_usd: float | None
    shortfall_usd: float
    fails: list[str] = field(default_factory=list)
    """Why it does not meet the bar, a sentence each."""

    shown_quality: str = ""
    """As people tell it; its range stands in `shown_range`, where there is one."""

    shown_range: str = ""

    total_usd: float | None = None
    regret_usd: float | None = None
    is_best: bool = False

    @property
    def meets_bar(self) -> bool:
        return not self.fails


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
    reckon = {"api": _api, "rule": _rule}.get(way.how, _own)
    found = reckon(project, way, wanted, quality)
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


def _shortfall(quality: Expected, wanted: Wanted) -> float:
    if wanted.quality is None or quality.value is None:
        return 0.0
    return max(0.0, wanted.quality - quality.value) * 100 * wanted.usd_per_point


def _rule(project: Project, way: Way, wanted: Wanted, quality: Expected) -> Advice:
    """Return what takes no model: work once, and answers that cost nothing to speak of."""
    return Advice(
        way=way, title=_("Most popular"), quality=quality, num_parameters=None, training_seconds=None,
        training_usd=Interval(0.0, 0.0, 0.0), memory_bytes=None, latency_seconds=way.latency_seconds,
        once_usd=way.hours * wanted.usd_per_hour_of_work, monthly_usd=0.0, shortfall_usd=_shortfall(quality, wanted),
    )  # fmt: skip


def _api(project: Project, way: Way, wanted: Wanted, quality: Expected) -> Advice:
    price = cheapest_api(way.apis)
    each = _usd_per_request(price, wanted) if price else None
    return Advice(
        way=way, title=price.name if price else _("an API"), quality=quality, num_parameters=None,
        training_seconds=None, training_usd=Interval(0.0, 0.0, 0.0), memory_bytes=None,
        latency_seconds=way.latency_seconds, once_usd=way.hours * wanted.usd_per_hour_of_work,
        monthly_usd=each * wanted.requests_per_month if each is not None else None,
        shortfall_usd=_shortfall(quality, wanted),
    )  # fmt: skip


def cheapest_api(beginnings: tuple[str, ...] = ()) -> ApiPrice | None:
    """Return the API whose answer is cheapest, of the newest price of each whose name begins so; empty: of all."""
    newest: dict[str, ApiPrice] = {}
    for price in ApiPrice.objects.order_by("name", "-seen_on", "-pk"):
        if not beginnings or price.name.lower().startswith(beginnings):
            newest.setdefault(price.name, price)
    return min(newest.values(), key=lambda price: price.input_usd + price.output_usd, default=None)


def _usd_per_request(price: ApiPrice, wanted: Wanted) -> float:
    return (float(price.input_usd) * wanted.tokens_in + float(price.output_usd) * wanted.tokens_out) / 1e6


def _own(project: Project, way: Way, wanted: Wanted, quality: Expected) -> Advice:
    spec = spec_of(way, wanted)
    found = estimate(spec, wanted.version, team=project.team)
    share = FLOP_PER_PARAM_TOKEN["lora"] / FLOP_PER_PARAM_TOKEN["fine-tune"] if way.how == "lora" else 1.0
    device = device_of_queue(queue_of(spec))
    usd_per_hour = device.usd_per_hour if device else None
    whole = found.quote.seconds or _bag_seconds(way, spec, found, wanted, device)
    training = _scaled(whole, share * (usd_per_hour or 0.0) / 3600) if usd_per_hour is not None else None
    latency = _latency(whole, spec, found, wanted)
    once = way.hours * wanted.usd_per_hour_of_work + (training.p50 if training else 0.0)
    if way.how == "distil" and (price := cheapest_api()) is not None:
        once += way.taught * _usd_per_request(price, wanted)
    monthly = None
    if latency is not None and usd_per_hour is not None:
        monthly = wanted.requests_per_month * latency / 3600 * usd_per_hour
    family = get_family(way.family)
    return Advice(
        way=way, title=f"{family.title} {way.preset}", quality=quality, num_parameters=found.num_parameters,
        training_seconds=_scaled(whole, share), training_usd=training, memory_bytes=found.memory_bytes,
        latency_seconds=latency, once_usd=once, monthly_usd=monthly, shortfall_usd=_shortfall(quality, wanted),
    )  # fmt: skip


def spec_of(way: Way, wanted: Wanted) -> TrainSpec:
    """Return the run that this way would be: so many passes over the examples at hand."""
    family = get_family(way.family)
    model = family.presets[way.preset]
    length = 1 if family.unit != "token" else min(128, getattr(model, "context_length", 128))
    num_at_once = int(family.defaults.get("batch", {}).get("sequences_per_step", 32)) if length == 1 else 32
    batch = BatchSpec(sequence_length=length, sequences_per_step=num_at_once)
    num_steps = max(20, round(way.epochs * _num_examples(way, wanted, length) / num_at_once))
    return TrainSpec(
        family=family.name, model=model, data=DataSpec(path=""), batch=batch,
        schedule=ScheduleSpec(num_steps=num_steps, warmup_steps=max(1, num_steps // 20)),
    )  # fmt: skip


def _num_examples(way: Way, wanted: Wanted, length: int) -> float:
    """Return what one pass over the data is: windows of text, sequences of users, or the examples themselves."""
    if wanted.task == "generate":
        return (wanted.version.num_units("train") or wanted.num_examples * wanted.tokens_in) / length
    if get_family(way.family).unit == "example":
        return float(wanted.version.facts["num_users"])
    return wanted.num_examples + way.taught


def _bag_seconds(way: Way, spec: TrainSpec, found: Estimate, wanted: Wanted, device: Device | None) -> Interval | None:
    """Return how long a bag of words takes, which is bound by memory: its few FLOP at a small share of the measured rate."""
    rate = (device.calibration if device else {}).get("training_flop_per_second")
    if way.family != "bow" or not rate:
        return None
    bag = BagOfWords(
        vocabulary_size=wanted.version.vocab_size or 1, width=spec.model.width, num_labels=wanted.num_labels
    )
    flop = bag.training_flop_per_token(wanted.tokens_in) * found.num_units
    likely = STARTED_SECONDS + flop / (BOUND_BY_MEMORY * rate)
    return Interval(0.5 * likely, likely, 3 * likely)


def _latency(training: Interval | None, spec: TrainSpec, found: Estimate, wanted: Wanted) -> float | None:
    """Return the seconds of one answer on this machine, by the rate of its training steps: a forward pass is a third.

    A list of recommendations goes over the whole catalogue, which economics knows of.
    """
    if found.recommending is not None:
        return OVERHEAD_SECONDS + found.recommending.cost.seconds if found.recommending.cost else None
    if training is None or not found.num_units:
        return None
    per_unit = training.p50 / found.num_units * FORWARD_SHARE
    units = 1.0 if get_family(spec.family).unit != "token" else wanted.tokens_in
    written = WRITTEN_OVER_READ * wanted.tokens_out if TASKS[wanted.task].writes else 0.0
    return OVERHEAD_SECONDS + per_unit * (units + written)


def _scaled(interval: Interval | None, share: float) -> Interval | None:
    return Interval(*(value * share for value in interval)) if interval is not None else None


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
