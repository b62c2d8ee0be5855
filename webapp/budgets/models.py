"""Budgets, and what jobs that have not ended hold of them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from webapp.jobs.models import Job
from webapp.projects.models import Project
from webapp.teams.codes import new_code
from webapp.teams.models import Team, User


class Budget(models.Model):
    """What a team, one of its projects, one of its members, or a member within a project may spend in a month."""

    class Unit(models.TextChoices):
        USD = "usd", _("USD")
        GPU_HOURS = "gpu_hours", _("GPU-hours")

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="budgets")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True, blank=True, related_name="budgets")
    member = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    month = models.DateField(_("month"), null=True, blank=True)  # its first day; null: every month anew
    unit = models.CharField(_("in"), max_length=10, choices=Unit.choices, default=Unit.USD)
    amount = models.DecimalField(_("amount"), max_digits=16, decimal_places=6)
    is_hard = models.BooleanField(_("stop running jobs at the limit"), default=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    ended_at = models.DateTimeField(null=True, blank=True)  # no longer counts; its past stays to be read

    class Meta:
        ordering = ("project__name", "member__email", "-month", "id")
        constraints = [
            models.UniqueConstraint(
                fields=["team", "project", "member", "month", "unit"], condition=Q(ended_at=None), nulls_distinct=False,
                name="budget_once",
            ),
            models.CheckConstraint(condition=Q(amount__gte=0), name="budget_not_negative"),
            models.CheckConstraint(condition=Q(month=None) | Q(month__day=1), name="budget_month_is_its_first_day"),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.scope}, {self.when}"

    def get_absolute_url(self) -> str:
        return reverse("budget-detail", args=[self.code])

    @property
    def owning_team(self) -> Team:
        return self.team

    @property
    def scope(self) -> str:
        """Return whose it is."""
        if self.project and self.member:
            return f"{self.member} · {self.project}"
        return str(self.project or self.member or self.team)

    @property
    def when(self) -> str:
        return date_format(self.month, "F Y") if self.month else str(_now("every month"))


class Encumbrance(models.Model):
    """What a job that was submitted may still take. Counts while the job has not ended; the rest is then free again."""

    job = models.OneToOneField(Job, on_delete=models.CASCADE, primary_key=True, related_name="encumbrance")
    usd_p50 = models.DecimalField(max_digits=16, decimal_places=8, null=True)  # null: there was no quote
    usd_p90 = models.DecimalField(max_digits=16, decimal_places=8, null=True)
    gpu_hours_p50 = models.DecimalField(max_digits=16, decimal_places=8, null=True)
    gpu_hours_p90 = models.DecimalField(max_digits=16, decimal_places=8, null=True)
    confirmed_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    overridden_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    override_reason = models.TextField(blank=True)
    made_at = models.DateTimeField(default=timezone.now, editable=False)
    released_at = models.DateTimeField(null=True, blank=True)
    released_usd = models.DecimalField(max_digits=16, decimal_places=8, null=True)  # of p90, not used after all
    released_gpu_hours = models.DecimalField(max_digits=16, decimal_places=8, null=True)

    class Meta:
        ordering = ("-made_at",)

    def __str__(self) -> str:
        return str(self.job)

    @property
    def owning_team(self) -> Team:
        return self.job.team


class BudgetAlert(models.Model):
    """That a month's forecast passed a share of its budget; told once for each amount that the budget had."""

    budget = models.ForeignKey(Budget, on_delete=models.CASCADE, related_name="alerts")
    month = models.DateField()
    percent = models.PositiveSmallIntegerField()
    forecast = models.DecimalField(max_digits=16, decimal_places=6)  # in the budget's unit
    amount = models.DecimalField(max_digits=16, decimal_places=6)  # of the budget, as it was then
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-at", "-percent")
        constraints = [
            models.UniqueConstraint(fields=["budget", "month", "percent", "amount"], name="budget_alert_once"),
        ]

    def __str__(self) -> str:
        return f"{self.percent} % · {self.budget}"


class BudgetStop(models.Model):
    """That a running job was told to save and stop because a budget was used up."""

    job = models.OneToOneField(Job, on_delete=models.CASCADE, primary_key=True, related_name="budget_stop")
    budget = models.ForeignKey(Budget, on_delete=models.SET_NULL, null=True, related_name="stops")
    sentence = models.TextField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ("-at",)

    def __str__(self) -> str:
        return str(self.job)
