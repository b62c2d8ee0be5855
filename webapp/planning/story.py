"""The loop so far, a sentence a step: the question, the machine, the data, the ladder, what was predicted, what came."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Sum
from django.urls import reverse
from django.utils.translation import gettext as _

from webapp.costs.models import LedgerEntry, Machine
from webapp.costs.prices import machine_hour_price
from webapp.datasets.models import DatasetVersion
from webapp.jobs.models import Worker
from webapp.ladders.models import Ladder, SealedPrediction
from webapp.ladders.outcomes import outcomes_of
from webapp.ladders.status import is_on_time
from webapp.ladders.templatetags.ladders import span
from webapp.planning.board_plan import titles
from webapp.planning.facts import newest_text
from webapp.planning.models import Plan
from webapp.projects.models import Project
from webapp.quotes.devices import calibration_of
from webapp.ui.templatetags.figures import count, exact, figure, percent, si, usd


@dataclass(frozen=True, kw_only=True, slots=True)
class Chapter:
    """One step of the loop; `state` is `done`, `now` or `next`."""

    name: str
    title: str
    sentence: str
    state: str = "done"
    url: str = ""


def project_story(project: Project) -> list[Chapter]:
    """Return the chapters that the project has reached; empty where it has neither a plan nor a ladder."""
    plan = Plan.objects.filter(project=project, archived_at=None).order_by("created_at").first()
    ladder = Ladder.objects.filter(project=project, dataset_version__isnull=False).order_by("created_at").first()
    if plan is None and ladder is None:
        return []
    seal = sealed_of(project)
    return [*_question(plan), *_machine(project), *_data(project), *_ladder(ladder), *_sealed(seal), *_landed(seal)]


def sealed_of(project: Project) -> SealedPrediction | None:
    """Return the newest prediction of a run that is no rung: what the ladder was made for."""
    seals = SealedPrediction.objects.filter(project=project, run__ladder_point=None, run__deleted_at=None)
    return seals.select_related("run__latest_job", "run__project", "fit__ladder").order_by("-at").first()


def _question(plan: Plan | None) -> Iterator[Chapter]:
    version = plan.versions.first() if plan else None
    if plan is None or version is None:
        return
    decided = version.results["decision"]
    said = {
        "what": version.inputs["use_case"], "winner": titles()[decided["winner"]],
        "share": percent(decided["probability"]),
    }  # fmt: skip
    sentence = _("%(what)s: %(winner)s costs least in %(share)s of the draws.") % said
    if not version.results["law"]["is_own"]:
        sentence += " " + _("By a published law, not your data.")
    yield Chapter(name="question", title=_("Question"), sentence=sentence, url=plan.get_absolute_url())


def measured_machine() -> Machine | None:
    """Return the machine that was measured last among those that workers stand on."""
    hosts = Worker.objects.filter(stopped_at=None).values("host")
    machines = Machine.objects.filter(host__in=hosts).order_by("-updated_at")
    return next((machine for machine in machines if calibration_of(machine)), None)


def _machine(project: Project) -> Iterator[Chapter]:
    machine = measured_machine()
    url = reverse("project-costs", args=[project.code])
    if machine is None:
        yield Chapter(
            name="machine",
            title=_("Machine"),
            sentence=_("To be measured: about twenty seconds."),
            state="next",
            url=url,
        )
        return
    yield Chapter(name="machine", title=_("Machine"), sentence=machine_sentence(machine), url=url)


def machine_sentence(machine: Machine) -> str:
    """This machine: 80 GFLOP/s, $0.04/h, because ..."""
    measured, price = calibration_of(machine), machine_hour_price(machine)
    said = {
        "peak": si(measured.get("matmul_flop_per_second"), "FLOP/s"),
        "training": si(measured.get("training_flop_per_second"), "FLOP/s"), "usd": usd(price.effective_usd),
    }  # fmt: skip
    if price.is_set_by_user:
        return _("%(peak)s in matrix products, %(training)s in training; %(usd)s an hour, as you set it.") % said
    why = {
        "purchase": usd(machine.purchase_usd), "years": f"{machine.life_years:g}",
        "share": percent(machine.use_fraction), "watts": f"{machine.power_watts:g}",
        "tariff": usd(machine.electricity_usd_per_kwh),
    }  # fmt: skip
    because = _(
        "%(purchase)s over %(years)s years, in use %(share)s of the time, %(watts)s W at %(tariff)s a kWh (a guess: set yours)"
    )
    return _("%(peak)s in matrix products, %(training)s in training; %(usd)s an hour, because of %(why)s.") % {
        **said, "why": because % why,
    }  # fmt: skip


def _data(project: Project) -> Iterator[Chapter]:
    version = newest_text(project)
    if version is None:
        started = DatasetVersion.objects.filter(dataset__project=project).exists()
        sentence = _("Being prepared.") if started else _("To be uploaded and prepared.")
        yield Chapter(name="data", title=_("Data"), sentence=sentence, state="now" if started else "next")
        return
    yield Chapter(name="data", title=_("Data"), sentence=data_sentence(version), url=version.get_absolute_url())


def data_sentence(version: DatasetVersion) -> str:
    """3.3 M tokens; 12 duplicates and 34 pieces of personal data taken out; 260 of 280 planted canaries caught."""
    report: dict[str, Any] = version.report or {}
    duplicates, canaries = report.get("duplicates") or {}, report.get("canaries") or {}
    removed = sum((duplicates.get(name) or {}).get("removed", 0) for name in ("exact", "near"))
    found = sum(row.get("count", 0) for row in report.get("personal_data", []))
    sentence = _("%(tokens)s tokens; %(duplicates)s duplicates and %(personal)s pieces of personal data taken out.") % {
        "tokens": count(version.num_tokens), "duplicates": exact(removed), "personal": exact(found),
    }  # fmt: skip
    if canaries.get("planted"):
        sentence += " " + _("%(caught)s of %(planted)s planted canaries were caught.") % canaries
    return sentence


def _ladder(ladder: Ladder | None) -> Iterator[Chapter]:
    title = _("Ladder")
    if ladder is None:
        yield Chapter(
            name="ladder", title=title, sentence=_("Small runs at several sizes, to learn your own law."), state="next"
        )
        return
    points = list(ladder.points.all())
    landed = [point for point in points if point.has_landed]
    on_time = sum(bool(is_on_time(point)) for point in landed)
    spent = LedgerEntry.objects.filter(job__train_job__run__ladder_point__ladder=ladder)
    sentence = _("%(landed)s of %(all)s runs landed, %(inside)s of them inside their quoted time; %(usd)s so far.") % {
        "landed": len(landed), "all": len(points), "inside": on_time,
        "usd": usd(spent.aggregate(usd=Sum("effective_usd", default=0))["usd"]),
    }  # fmt: skip
    state = "done" if ladder.state == Ladder.State.DONE else "now"
    yield Chapter(name="ladder", title=title, sentence=sentence, state=state, url=ladder.get_absolute_url())


def _sealed(seal: SealedPrediction | None) -> Iterator[Chapter]:
    title = _("Predicted")
    if seal is None:
        yield Chapter(
            name="sealed", title=title, sentence=_("The run beyond it, sealed before it begins."), state="next"
        )
        return
    said = {
        "run": seal.run, "loss": span(seal.content["loss"]), "ratio": f"{seal.content['compute_ratio']:.2g}",
        "hash": seal.sha256[:8],
    }  # fmt: skip
    sentence = _("%(run)s, %(ratio)s times beyond the ladder: loss %(loss)s. Sealed before it began (%(hash)s).") % said
    yield Chapter(name="sealed", title=title, sentence=sentence, url=seal.run.get_absolute_url())


def _landed(seal: SealedPrediction | None) -> Iterator[Chapter]:
    title = _("Landed")
    rows = {row.name: row for row in outcomes_of(seal)} if seal else {}
    loss = rows.get("loss")
    if seal is None or loss is None or loss.landed is None:
        running = seal is not None and not seal.run.latest_job.is_final
        yield Chapter(
            name="landed", title=title, sentence=_("Predicted against what came."), state="now" if running else "next"
        )
        return
    word = _("inside the sealed band") if loss.is_inside else _("outside the sealed band")
    sentence = _("Loss %(loss)s: %(word)s. One page says what came of it.") % {
        "loss": figure(loss.landed),
        "word": word,
    }
    url = reverse("project-summary", args=[seal.project.code])
    yield Chapter(name="landed", title=title, sentence=sentence, url=url)
