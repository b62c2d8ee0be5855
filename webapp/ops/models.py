"""What the installation itself has to remember."""

from __future__ import annotations

from django.db import models

from webapp.projects.models import Project


class Demo(models.Model):
    """That this installation has a demo, and in which project. One row at most."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    project = models.OneToOneField(Project, on_delete=models.CASCADE, related_name="demo")

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="one_demo")]

    def __str__(self) -> str:
        return str(self.project)
