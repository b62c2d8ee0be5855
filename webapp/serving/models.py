"""What people asked of models in the playground, and what they got."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from webapp.projects.models import Project
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
