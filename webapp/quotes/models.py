"""Quotes: what a job was expected to take when it was made, and what it took. Both are written once and never changed."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from economics.uncertainty import Interval
from webapp.costs.models import Machine
from webapp.jobs.models import Job, State
from webapp.projects.models import Project
from webapp.teams.models import Team


class Quote(models.Model):
    """What was known of a job before it began. An interval that is not there was unknown."""

    job = models.OneToOneField(Job, on_delete=models.PROTECT, related_name="quote")
    team = models.ForeignKey(Team, on_delete=models.PROTECT, related_name="quotes")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="quotes")
    kind = models.CharField(max_length=20)
    group = models.CharField(max_length=80, blank=True)  # jobs alike: kind, family, order of size
    device = models.CharField(max_length=220, blank=True)
    machine = models.ForeignKey(Machine, on_delete=models.PROTECT, null=True, related_name="+")
    basis = models.CharField(max_length=20, default="none")  # calibration, own jobs, none
    num_own_jobs = models.PositiveIntegerField(default=0)
    amount = models.FloatField(default=0.0)  # of work, in `unit`s
    unit = models.CharField(max_length=20, blank=True)
    base_seconds = models.FloatField(null=True)  # reckoned before own jobs had a say; null: no basis
    fixed_seconds = models.FloatField(default=0.0)  # the part of it that does not grow with the amount
    intervals = models.JSONField(
        default=dict
    )  # name -> {p10, p50, p90}: seconds, device_hours, usd, kwh, co2e_kg, memory
    memory_by_part = models.JSONField(default=dict)
    device_memory_bytes = models.FloatField(null=True)
    fits = models.BooleanField(null=True)
    price_basis = models.JSONField(default=dict)
    assumptions = models.JSONField(default=list)
    file = models.JSONField(default=dict)  # what `python -m economics quote` says the same of
    made_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-made_at", "-id")
        indexes = [models.Index(fields=["team", "kind", "-made_at"], name="quote_of_team")]

    def __str__(self) -> str:
        return f"{self.kind} {self.job_id}"

    @property
    def owning_team(self) -> Team:
        return self.team

    def interval(self, name: str) -> Interval | None:
        """Return p10, p50 and p90 of a quantity; None if it was unknown."""
        found = self.intervals.get(name)
        return Interval(found["p10"], found["p50"], found["p90"]) if found else None

    @property
    def seconds(self) -> Interval | None:
        return self.interval("seconds")

    @property
    def to_pay_usd(self) -> Interval | None:
        return self.interval("to_pay_usd")


class QuoteOutcome(models.Model):
    """What a quoted job took, over all its attempts. Written when it reached a final state."""

    quote = models.OneToOneField(Quote, on_delete=models.PROTECT, related_name="outcome")
    state = models.CharField(max_length=10, choices=State.choices)
    is_censored = models.BooleanField()  # it did not get to its end, which would have taken longer
    device = models.CharField(max_length=220, blank=True)  # that it ran on
    seconds = models.FloatField()
    usd = models.DecimalField(max_digits=16, decimal_places=8, null=True)
    kwh = models.FloatField(null=True)
    energy_is_measured = models.BooleanField(default=False)
    co2e_kg = models.FloatField(null=True)
    peak_memory_bytes = models.FloatField(null=True)
    ended_at = models.DateTimeField()

    class Meta:
        ordering = ("-ended_at", "-id")

    def __str__(self) -> str:
        return f"{self.quote} {self.state}"

    @property
    def owning_team(self) -> Team:
        return self.quote.team

    def actual(self, name: str) -> float | None:
        """Return what the job took of a quantity that quotes name; None if unknown."""
        value = {
            "seconds": self.seconds, "device_hours": self.seconds / 3600, "usd": self.usd, "kwh": self.kwh,
            "co2e_kg": self.co2e_kg, "memory_bytes": self.peak_memory_bytes,
        }[name]  # fmt: skip
        return None if value is None else float(value)
