"""Why a budget does not let a job be made. The message is a sentence for whoever asked."""

from __future__ import annotations

from webapp.budgets.figures import Standing
from webapp.jobs.errors import JobRefused


class BudgetAnswer(JobRefused):
    """A budget has something to say before the job is made."""

    def __init__(self, sentence: str, standings: list[Standing]) -> None:
        super().__init__(sentence)
        self.standings = standings


class BudgetRefused(BudgetAnswer):
    """Less is free than the job will probably take. An admin of the team may override it with a reason."""


class BudgetQuestion(BudgetAnswer):
    """It will probably suffice, but may not: whoever asked confirms."""
