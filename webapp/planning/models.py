"""Plans: what a team thinks of doing, in versions that never change, with comments, links for readers, and runs begun."""

from __future__ import annotations

from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from webapp.projects.models import Project
from webapp.registry.models import Result
from webapp.runs.models import Run
from webapp.teams.codes import new_code
from webapp.teams.models import Team, User


class Plan(models.Model):
    """A question asked again and again: its answers are the versions."""

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="plans")
    name = models.CharField(_("name"), max_length=120)
    chosen = models.CharField(_("what we chose"), max_length=200, blank=True)
    chosen_why = models.TextField(_("why"), blank=True)
    chosen_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    chosen_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("plan-detail", args=[self.code])

    @property
    def owning_team(self) -> Team:
        return self.project.team


class PlanVersion(models.Model):
    """Inputs and results of one day, with the prices and the law of that day. Never changed: a new thought is a new row."""

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    inputs = models.JSONField()
    results = models.JSONField()
    catalogue_date = models.DateField()  # the day whose prices were used
    law_label = models.CharField(max_length=200)  # the fit used, as shown
    law = models.JSONField(null=True, blank=True)  # an own fit as it was, so that the version can be worked out again
    note = models.CharField(_("note"), max_length=2000, blank=True)  # what moved, where it was computed anew
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-number",)
        constraints = [models.UniqueConstraint(fields=["plan", "number"], name="plan_version_once")]

    def __str__(self) -> str:
        return f"{self.plan} v{self.number}"

    @property
    def owning_team(self) -> Team:
        return self.plan.project.team


class Comment(models.Model):
    """What a member says about a plan."""

    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="comments")
    version = models.ForeignKey(PlanVersion, on_delete=models.CASCADE, null=True, related_name="+")
    author = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    text = models.TextField(_("comment"), max_length=5000)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("created_at",)

    def __str__(self) -> str:
        return self.text[:60]

    @property
    def owning_team(self) -> Team:
        return self.plan.project.team


class ShareLink(models.Model):
    """An address by which anybody may read one version's advantage page. Only the hash of its secret is kept."""

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    version = models.ForeignKey(PlanVersion, on_delete=models.CASCADE, related_name="links")
    secret_hash = models.CharField(max_length=64, unique=True, editable=False)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.version} · {self.created_at:%Y-%m-%d}"

    @property
    def owning_team(self) -> Team:
        return self.version.plan.project.team


class PlanRun(models.Model):
    """A run that a plan's version began, with what the plan expected of it."""

    version = models.ForeignKey(PlanVersion, on_delete=models.CASCADE, related_name="runs")
    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="planned_by")
    expected = models.JSONField()  # loss, seconds, dollars; p10, p50, p90 each
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.run} ← {self.version}"

    @property
    def owning_team(self) -> Team:
        return self.version.plan.project.team


class LeverEvidence(models.Model):
    """Two runs that measured what a lever saves: the same quality, without it and with it."""

    class Lever(models.TextChoices):
        PARALLEL = "parallel", _("parallel training")
        AUGMENTATION = "augmentation", _("augmentation")
        COMPRESSION = "compression", _("compression")
        TRANSFER = "transfer", _("transfer")

    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="evidence")
    lever = models.CharField(max_length=20, choices=Lever.choices)
    without = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+")
    with_lever = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="+")
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("lever",)
        constraints = [models.UniqueConstraint(fields=["plan", "lever"], name="lever_evidence_once")]

    def __str__(self) -> str:
        return f"{self.plan}: {self.lever}"

    @property
    def owning_team(self) -> Team:
        return self.plan.project.team


class OptionQuality(models.Model):
    """How good an option was when somebody measured it: an evaluation of a kept model, or a figure from elsewhere."""

    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="qualities")
    option = models.CharField(max_length=20)  # one of `inputs.OPTION_NAMES`
    metric = models.CharField(_("metric"), max_length=80)
    value = models.FloatField(_("measured"))
    bar = models.FloatField(_("the bar"))  # what the metric must reach, as it was when this was written down
    lower_is_better = models.BooleanField(_("lower is better"), default=False)
    result = models.ForeignKey(Result, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    source = models.CharField(_("where it is from"), max_length=300)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name_plural = "option qualities"
        ordering = ("option",)
        constraints = [models.UniqueConstraint(fields=["plan", "option"], name="option_quality_once")]

    def __str__(self) -> str:
        return f"{self.plan}: {self.option} {self.metric} {self.value}"

    @property
    def owning_team(self) -> Team:
        return self.plan.project.team

    @property
    def meets_bar(self) -> bool:
        return self.value <= self.bar if self.lower_is_better else self.value >= self.bar
