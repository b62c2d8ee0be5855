"""What one way to a task takes: nothing but work, an API's answers, or a model of one's own, as quoted on this machine."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from economics.architecture.bag import BagOfWords
from economics.plan.options import FLOP_PER_PARAM_TOKEN
from economics.uncertainty import Interval
from trainer.families import get_family
from trainer.sections import BatchSpec, DataSpec, ScheduleSpec
from trainer.spec import TrainSpec
from webapp.catalogue.models import ApiPrice
from webapp.planning.advisor.quality import Expected
from webapp.planning.advisor.table import Way
from webapp.planning.advisor.tasks import TASKS
from webapp.planning.advisor.wanted import Wanted
from webapp.projects.models import Project
from webapp.quotes.devices import Device, device_of_queue
from webapp.runs.estimates import Estimate, estimate, queue_of

STARTED_SECONDS, BOUND_BY_MEMORY = 6.0, 0.02
WRITTEN_OVER_READ = 4.0
"""A token that is written takes about four times one that is read: one at a time, memory is the limit."""

FORWARD_SHARE = 1 / 3
OVERHEAD_SECONDS = 0.01
"""Of an answer of one's own model: the request itself."""


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


def reckoned(project: Project, way: Way, wanted: Wanted, quality: Expected) -> Advice:
    """Return what a way takes; whether it is enough is judged elsewhere."""
    reckon = {"api": _api, "rule": _rule}.get(way.how, _own)
    return reckon(project, way, wanted, quality)


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
