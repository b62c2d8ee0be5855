"""A sealed prediction against what came: inside or outside its 80 % interval, and what may have moved it when it missed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from webapp.costs.models import LedgerEntry
from webapp.costs.queries import spend_by
from webapp.jobs.models import Job, State
from webapp.ladders.landing import last_validations
from webapp.ladders.models import SealedPrediction
from webapp.runs.models import Run

WIDE_REACH = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """One predicted number and what it became."""

    name: str
    title: str
    predicted: dict[str, float] | None
    landed: float | None

    @property
    def is_inside(self) -> bool | None:
        if self.landed is None or not self.predicted:
            return None
        return bool(self.predicted["p10"] <= self.landed <= self.predicted["p90"])

    @property
    def position(self) -> float | None:
        """Where it landed, in widths of the interval: 0 at p10, 1 at p90; cut at a half width outside."""
        if self.landed is None or not self.predicted:
            return None
        width = self.predicted["p90"] - self.predicted["p10"]
        return max(-0.5, min(1.5, (self.landed - self.predicted["p10"]) / width)) if width > 0 else 0.5

    @property
    def x(self) -> float:
        """The same on the panel's drawing, where the band reaches from 50 to 150 of 200; the mark stays inside it."""
        return min(max(50 + 100 * (self.position or 0.0), 8.0), 192.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Landed:
    """What a run that ended well came to; None is not known."""

    measured: dict[str, float] = field(default_factory=dict)
    seconds: float | None = None
    usd: float | None = None


def outcomes_of(seal: SealedPrediction) -> list[Outcome]:
    """Return loss, time and cost: predicted, and landed once the run has ended."""
    return outcomes_of_all([seal])[0]


def outcomes_of_all(seals: Sequence[SealedPrediction]) -> list[list[Outcome]]:
    """Return the same of each, asking the database as often for many as for one."""
    landed = _landed([seal.run for seal in seals if seal.run.latest_job.state == State.SUCCEEDED])
    return [_outcomes(seal, landed.get(seal.run_id, Landed())) for seal in seals]


def _outcomes(seal: SealedPrediction, came: Landed) -> list[Outcome]:
    said = seal.content
    loss = came.measured.get("bits_per_byte" if said.get("loss_unit") == "bits_per_byte" else "loss")
    rows = [
        Outcome(name="loss", title=_("loss"), predicted=said["loss"], landed=loss),
        Outcome(name="seconds", title=_("time"), predicted=said.get("seconds"), landed=came.seconds),
        Outcome(name="usd", title=_("cost"), predicted=said.get("usd"), landed=came.usd),
    ]
    return [row for row in rows if row.predicted]


def _landed(runs: list[Run]) -> dict[int, Landed]:
    """Return what each run came to, by its key."""
    if not runs:
        return {}
    entries = LedgerEntry.objects.filter(job__train_job__run__in=runs)
    spent = {row["job__train_job__run_id"]: row for row in spend_by(entries, "job__train_job__run_id")}
    measured = last_validations(runs)
    return {
        run.pk: Landed(
            measured=measured.get(run.pk, {}),
            seconds=spent[run.pk]["total_seconds"] or None if run.pk in spent else None,
            usd=float(spent[run.pk]["usd"]) or None if run.pk in spent else None,
        )
        for run in runs
    }


def why_missed(seal: SealedPrediction, rows: list[Outcome]) -> list[str]:
    """Return what may have moved the numbers that landed outside, most likely first; empty if none did."""
    outside = {row.name: row for row in rows if row.is_inside is False}
    found: list[str] = []
    if "loss" in outside:
        found += _why_loss(seal, outside["loss"])
    if "seconds" in outside:
        found.append(_why_time(seal, outside["seconds"]))
    return found


def _why_time(seal: SealedPrediction, row: Outcome) -> str:
    if row.landed is not None and row.predicted and row.landed < row.predicted["p10"]:
        return _(
            "It was quicker than expected: the machine was busier when it was measured or quoted. Measure it again."
        )
    attempts = sum(job.attempts.count() for job in Job.objects.filter(train_job__run=seal.run))
    if attempts > 1:
        return _("It took %(n)d attempts; the time of all of them counts.") % {"n": attempts}
    return _("Other work on the machine, or a step that is slower at this size than the calibration's.")


def _why_loss(seal: SealedPrediction, row: Outcome) -> list[str]:
    said, found = seal.content, []
    assert row.landed is not None
    assert row.predicted is not None
    if said.get("differences"):
        found.append(_("It was made otherwise than the ladder: %(what)s.") % {"what": "; ".join(said["differences"])})
    if said["compute_ratio"] > WIDE_REACH:
        found.append(
            _("It lies %(n)s times beyond the largest rung: a law may bend there.")
            % {"n": f"{said['compute_ratio']:.2g}"}
        )
    if said["num_tokens"] > 1.01 * said["num_unique_tokens"]:
        found.append(
            _("Its data repeat; what a repeated token is worth was taken from published runs, not from yours.")
        )
    if row.landed < row.predicted["p10"]:
        found.append(
            _("It did better than expected: often a learning rate that suits this size better than the rungs'.")
        )
    if not found:
        found.append(_("One run in five is expected to land outside an 80 %% interval by chance alone.") % {})
    return found


def tally(outcomes: Iterable[list[Outcome]]) -> dict[str, int]:
    """Return how many losses landed, and how many of those inside."""
    landed = [row for rows in outcomes for row in rows if row.name == "loss" and row.is_inside is not None]
    return {"landed": len(landed), "inside": sum(bool(row.is_inside) for row in landed)}
