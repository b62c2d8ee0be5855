"""What people asked of models in the playground, what they got, what they liked better, and what was not let through."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from trainer.guards import GuardRule
from webapp.datasets.models import Dataset
from webapp.projects.models import Project
from webapp.registry.models import ModelVersion
from webapp.runs.models import Checkpoint
from webapp.teams.codes import new_code
from webapp.teams.models import Team, User


class Generation(models.Model):
    """One answer of one checkpoint, kept with the checkpoint's hash."""

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="generations")
    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.SET_NULL, null=True, related_name="generations")
    checkpoint_sha256 = models.CharField(max_length=64)
    model_label = models.CharField(max_length=200)
    settings = models.JSONField(default=dict)
    prompt = models.TextField(blank=True)
    num_prompt_tokens_cut = models.IntegerField(default=0)
    output = models.TextField(blank=True)
    num_tokens = models.IntegerField(default=0)
    seconds = models.FloatField(null=True)
    ended_because = models.CharField(max_length=40, blank=True)
    """length, stop, end_of_text, cancelled or error; label: the output is labels and not text written."""
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.prompt[:40]

    @property
    def owning_team(self) -> Team:
        return self.project.team


class Preference(models.Model):
    """Of two answers to the same conversation somebody chose one."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="preferences")
    messages = models.JSONField()  # [{role, content}], the last a user's
    chosen = models.TextField()
    rejected = models.TextField()
    chosen_by_model = models.CharField(max_length=200)
    rejected_by_model = models.CharField(max_length=200)
    is_blind = models.BooleanField(default=False)  # whoever chose did not see which model wrote which
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.chosen[:40]

    @property
    def owning_team(self) -> Team:
        return self.project.team


class Guard(models.Model):
    """A check of what goes into models, or of what comes out of them."""

    class Direction(models.TextChoices):
        INPUT = "input", _("what people ask")
        OUTPUT = "output", _("what the model answers")
        BOTH = "both", _("both")

    class Kind(models.TextChoices):
        WORDS = "words", _("words and topics")
        PERSONAL = "personal", _("personal data")

    class Action(models.TextChoices):
        REFUSE = "refuse", _("refuse")
        MASK = "mask", _("mask")

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="guards")
    version = models.ForeignKey(
        ModelVersion, on_delete=models.CASCADE, null=True, blank=True, related_name="guards",
        verbose_name=_("model version"),
    )  # fmt: skip
    name = models.CharField(_("name"), max_length=80)
    kind = models.CharField(_("looks for"), max_length=10, choices=Kind.choices, default=Kind.WORDS)
    direction = models.CharField(_("in"), max_length=10, choices=Direction.choices, default=Direction.BOTH)
    action = models.CharField(_("then"), max_length=10, choices=Action.choices, default=Action.REFUSE)
    terms = models.TextField(_("words and phrases"), blank=True, max_length=20_000)
    min_hits = models.PositiveIntegerField(_("different ones at least"), default=1)
    refusal = models.CharField(_("answer given instead"), max_length=500, blank=True)
    is_on = models.BooleanField(_("on"), default=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("created_at",)

    def __str__(self) -> str:
        return self.name

    @property
    def owning_team(self) -> Team:
        return self.project.team

    @property
    def rule(self) -> GuardRule:
        """The check itself, as it is handed to jobs and run on texts."""
        return GuardRule(
            name=self.name,
            kind=self.kind,  # type: ignore[arg-type]
            direction=self.direction,  # type: ignore[arg-type]
            action=self.action,  # type: ignore[arg-type]
            terms=self.terms,
            min_hits=max(self.min_hits, 1),
            refusal=self.refusal or str(_("I cannot help with that.")),
        )


class GuardDecision(models.Model):
    """What a guard did, and why."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="guard_decisions")
    guard = models.ForeignKey(Guard, on_delete=models.SET_NULL, null=True, related_name="decisions")
    guard_name = models.CharField(max_length=80)
    model_label = models.CharField(max_length=200)
    direction = models.CharField(max_length=10)
    action = models.CharField(max_length=10)
    reason = models.CharField(max_length=300)
    excerpt = models.CharField(max_length=300, blank=True)  # personal data masked
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.guard_name}: {self.reason}"

    @property
    def owning_team(self) -> Team:
        return self.project.team


class PromptSet(models.Model):
    """Prompts kept under a name, so that any two versions can be compared on the same ones."""

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="prompt_sets")
    name = models.CharField(max_length=80)
    prompts = models.JSONField()  # [{prompt, wanted}]; wanted is empty where no answer is the right one
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("name",)
        constraints = [models.UniqueConstraint(fields=["project", "name"], name="prompt_set_name_once")]

    def __str__(self) -> str:
        return self.name

    @property
    def owning_team(self) -> Team:
        return self.project.team

    @property
    def has_wanted(self) -> bool:
        return any(each.get("wanted") for each in self.prompts)


class Contest(models.Model):
    """Two models answer the same prompts, and people or a rule say whose answer is better."""

    code = models.CharField(max_length=12, unique=True, default=new_code, editable=False)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="contests")
    name = models.CharField(max_length=80)
    prompt_set = models.ForeignKey(PromptSet, on_delete=models.SET_NULL, null=True, related_name="contests")
    dataset = models.ForeignKey(Dataset, on_delete=models.SET_NULL, null=True, related_name="+")  # made of its choices
    first = models.ForeignKey(Checkpoint, on_delete=models.SET_NULL, null=True, related_name="+")
    second = models.ForeignKey(Checkpoint, on_delete=models.SET_NULL, null=True, related_name="+")
    first_label = models.CharField(max_length=200)
    second_label = models.CharField(max_length=200)
    rule = models.CharField(max_length=20, blank=True)  # empty: people judge
    rule_text = models.CharField(max_length=300, blank=True)
    problem = models.CharField(max_length=500, blank=True)
    created_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.name

    @property
    def owning_team(self) -> Team:
        return self.project.team


class Bout(models.Model):
    """One prompt of a contest: both answers, and the verdict."""

    contest = models.ForeignKey(Contest, on_delete=models.CASCADE, related_name="bouts")
    number = models.PositiveIntegerField()
    prompt = models.TextField()
    wanted = models.TextField(blank=True)
    first_answer = models.TextField(blank=True)
    second_answer = models.TextField(blank=True)
    answered_at = models.DateTimeField(null=True)
    is_swapped = models.BooleanField(default=False)  # the second model's answer is shown on the left
    winner = models.CharField(max_length=6, blank=True)  # first, second, tie
    judged_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ("number",)
        constraints = [models.UniqueConstraint(fields=["contest", "number"], name="bout_number")]

    def __str__(self) -> str:
        return f"{self.number}: {self.prompt[:30]}"

    @property
    def owning_team(self) -> Team:
        return self.contest.project.team
