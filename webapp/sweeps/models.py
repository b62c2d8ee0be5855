"""Sweeps: many runs of one spec with some settings varied, under a budget."""

from __future__ import annotations

from typing import Any

import msgspec
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from trainer.sweep.space import Setting
from webapp.datasets.models import DatasetVersion
from webapp.projects.models import Project
from webapp.runs.models import Run
from webapp.teams.codes import new_code
from webapp.teams.models import Team, User


class Sweep(models.Model):
    """What is varied, how the next values are chosen, and when it ends."""

    class Method(models.TextChoices):
        GRID = "grid", _("grid")
        RANDOM = "random", _("random")
        BAYESIAN = "bayesian", _("Bayesian")

    class State(models.TextChoices):
        RUNNING = "running", _("running")
        BLOCKED = "blocked", _("needs you")
        STOPPED = "stopped", _("stopped")
        DONE = "done", _("done")

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="sweeps")
    name = models.CharField(_("name"), max_length=80)
    dataset_version = models.ForeignKey(DatasetVersion, on_delete=models.PROTECT, related_name="sweeps")
    family = models.CharField(max_length=40)
    spec = models.JSONField()  # of every run, before its own values are put in
    space = models.JSONField()  # the settings and their values, in the order that people gave them
    method = models.CharField(max_length=10, choices=Method.choices)
    metric = models.CharField(max_length=80)
    lower_is_better = models.BooleanField(default=True)
    budget_usd = models.FloatField(null=True, blank=True)
    budget_hours = models.FloatField(null=True, blank=True)  # of the device, all runs together
    max_trials = models.PositiveIntegerField(default=20)
    num_at_once = models.PositiveIntegerField(default=1)
    first_rung = models.PositiveIntegerField(
        default=0
    )  # step at which runs are first compared; 0: none is stopped early
    halving_factor = models.PositiveIntegerField(default=3)  # of those compared, one in so many goes on
    seed = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    problem = models.TextField(blank=True)  # one sentence: why it ended, or does not go on
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-created_at",)
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["running", "blocked", "stopped", "done"]), name="sweep_state_known"
            ),
            models.CheckConstraint(
                condition=Q(budget_usd__isnull=False) | Q(budget_hours__isnull=False), name="sweep_has_budget"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("sweep-detail", args=[self.code])

    @property
    def owning_team(self) -> Team:
        return self.project.team

    @property
    def is_active(self) -> bool:
        return self.state == self.State.RUNNING

    @property
    def settings(self) -> list[Setting]:
        return msgspec.convert(self.space, list[Setting])

    @property
    def varied(self) -> list[Setting]:
        return [setting for setting in self.settings if not setting.is_fixed]

    @property
    def rungs(self) -> list[int]:
        """Steps at which runs are compared, and all but the best of them stopped."""
        found, step, last = [], self.first_rung, int(self.spec["schedule"]["num_steps"])
        while 0 < step < last:
            found.append(step)
            step *= self.halving_factor
        return found


class Trial(models.Model):
    """One run of a sweep: its values, and what came of it."""

    sweep = models.ForeignKey(Sweep, on_delete=models.CASCADE, related_name="trials")
    number = models.PositiveIntegerField()
    values = models.JSONField()
    run = models.OneToOneField(Run, on_delete=models.PROTECT, null=True, blank=True, related_name="sweep_trial")
    value = models.FloatField(null=True)  # the sweep's metric, at its best
    seconds = models.FloatField(null=True)
    usd = models.FloatField(null=True)
    stopped_at_step = models.PositiveBigIntegerField(null=True)  # where others were so much better that it was ended
    problem = models.TextField(blank=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("number",)
        constraints = [models.UniqueConstraint(fields=["sweep", "number"], name="trial_number_once")]

    def __str__(self) -> str:
        return f"{self.sweep_id}/{self.number}"

    @property
    def owning_team(self) -> Team:
        return self.sweep.project.team

    @property
    def facts(self) -> dict[str, Any]:
        """Return the trial's values with its result."""
        return {**self.values, "value": self.value, "usd": self.usd, "seconds": self.seconds}
