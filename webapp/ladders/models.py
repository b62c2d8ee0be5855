"""Ladders: runs at several sizes and token counts, the laws fitted to them, and predictions sealed before a run began."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webapp.datasets.models import DatasetVersion
from webapp.projects.models import Project
from webapp.runs.models import Run
from webapp.teams.codes import new_code
from webapp.teams.models import Team, User


class Ladder(models.Model):
    """Runs made, or brought in, to tell how loss depends on size and tokens on one dataset version."""

    class State(models.TextChoices):
        RUNNING = "running", _("running")  # its next rung is made when the one before has ended
        BLOCKED = "blocked", _("needs you")  # a rung ended without a result and nothing else is left to do
        STOPPED = "stopped", _("stopped")  # by a person; can go on
        DONE = "done", _("done")

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="ladders")
    name = models.CharField(_("name"), max_length=80)
    dataset_version = models.ForeignKey(
        DatasetVersion, on_delete=models.PROTECT, related_name="ladders", null=True, blank=True
    )  # null: all its runs were made elsewhere
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    problem = models.TextField(blank=True)  # one sentence: why it does not go on
    settings = models.JSONField(
        default=dict, blank=True
    )  # what the wizard was asked: budget, target, sequence length, rates
    quote = models.JSONField(default=dict, blank=True)  # what the whole was expected to take, when it was made
    target_params = models.FloatField(null=True, blank=True)  # of the run whose loss is wanted
    target_tokens = models.FloatField(null=True, blank=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-created_at",)
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["running", "blocked", "stopped", "done"]), name="ladder_state_known"
            )
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("ladder-detail", args=[self.code])

    @property
    def owning_team(self) -> Team:
        return self.project.team

    @property
    def is_active(self) -> bool:
        return self.state == self.State.RUNNING


class LadderPoint(models.Model):
    """One loss at one size and token count: planned, running, landed, or brought in from elsewhere."""

    class Role(models.TextChoices):
        TRUNK = "trunk", _("trunk")  # from random weights to the first cooldown
        COOLDOWN = "cooldown", _("cooldown")  # the trunk goes on from the point before, and cools down
        REPEAT = "repeat", _("repeat")  # a trunk again with another seed: what chance alone does
        SINGLE = "single", _("added")  # an experiment added later, on its own
        EXTERNAL = "external", _("elsewhere")  # from a CSV

    ladder = models.ForeignKey(Ladder, on_delete=models.CASCADE, related_name="points")
    role = models.CharField(max_length=10, choices=Role.choices)
    position = models.PositiveIntegerField()  # order in which they are run
    label = models.CharField(max_length=120, blank=True)  # of a run made elsewhere
    after = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="followers")
    branch_step = models.PositiveBigIntegerField(
        default=0
    )  # the last step at the full rate, where followers branch off
    num_params = models.FloatField()  # N, all parameters
    num_params_in_matmuls = models.FloatField(null=True)
    num_tokens = models.FloatField()  # D, seen from the trunk's first step on
    flop = models.FloatField(null=True)  # counted training FLOP behind the point, its trunk's included
    learning_rate = models.FloatField(null=True)
    num_unique_tokens = models.FloatField(null=True)
    cluster = models.CharField(max_length=40, blank=True)  # points of one run made elsewhere share it
    spec = models.JSONField(default=dict)  # the training spec without the folder it branches from
    predicted = models.JSONField(
        default=dict
    )  # {"seconds": {p10, p50, p90}, "usd": ...}: planned, then its job's own quote
    run = models.OneToOneField(Run, on_delete=models.PROTECT, null=True, blank=True, related_name="ladder_point")
    loss = models.FloatField(null=True)  # nats per token over the whole validation split
    bits_per_byte = models.FloatField(null=True)
    num_evaluation_tokens = models.FloatField(null=True)
    seconds = models.FloatField(null=True)
    usd = models.FloatField(null=True)
    landed_at = models.DateTimeField(null=True)
    is_left_out = models.BooleanField(default=False)  # a person took it out of the fit

    class Meta:
        ordering = ("position", "id")
        constraints = [
            models.UniqueConstraint(fields=["ladder", "position"], name="ladder_position_once"),
            models.CheckConstraint(condition=Q(num_params__gt=0, num_tokens__gt=0), name="ladder_point_positive"),
            models.CheckConstraint(condition=Q(loss=None) | Q(landed_at__isnull=False), name="ladder_loss_iff_landed"),
        ]

    def __str__(self) -> str:
        return self.label or f"{self.num_params:.3g} × {self.num_tokens:.3g}"

    @property
    def owning_team(self) -> Team:
        return self.ladder.project.team

    @property
    def has_landed(self) -> bool:
        return self.loss is not None


class ScalingFit(models.Model):
    """A law fitted to a ladder's points at one moment. Written once; a new point makes a new version."""

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    ladder = models.ForeignKey(Ladder, on_delete=models.PROTECT, related_name="fits")
    number = models.PositiveIntegerField()
    method = models.CharField(max_length=20)
    num_points = models.PositiveIntegerField()
    has_law = models.BooleanField()  # false: so few points that there is a range and no centre
    answer = models.JSONField()  # what `python -m economics fit --json` prints for the same points, draws included
    facts = models.JSONField(default=dict)  # prior against data, repeated rungs, leave-largest-out, warnings of our own
    point_ids = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-number",)
        constraints = [models.UniqueConstraint(fields=["ladder", "number"], name="fit_number_once")]

    def __str__(self) -> str:
        return f"{self.ladder} fit {self.number}"

    def get_absolute_url(self) -> str:
        return reverse("fit-detail", args=[self.code])

    @property
    def owning_team(self) -> Team:
        return self.ladder.project.team

    @property
    def coefficients(self) -> dict[str, Any]:
        return dict(self.answer["coefficients"])


class SealedPrediction(models.Model):
    """What was expected of a run before it began. PostgreSQL refuses to change or delete it."""

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="sealed_predictions")
    fit = models.ForeignKey(ScalingFit, on_delete=models.PROTECT, related_name="sealed_predictions")
    run = models.OneToOneField(Run, on_delete=models.PROTECT, related_name="sealed_prediction")
    content = models.JSONField()  # all that was said, as it was hashed
    sha256 = models.CharField(max_length=64)  # over the canonical JSON of `content`
    at = models.DateTimeField()

    class Meta:
        ordering = ("-at",)

    def __str__(self) -> str:
        return f"{self.run} · {self.sha256[:12]}"

    @property
    def owning_team(self) -> Team:
        return self.project.team
