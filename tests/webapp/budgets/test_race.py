"""Many submissions at once: threads with connections of their own, and no two of them are given the same money."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from tests.factories import make_team
from tests.webapp.budgets.test_holds import measure
from tests.webapp.jobs.rows import make_worker
from webapp.budgets.errors import BudgetAnswer
from webapp.budgets.figures import standing
from webapp.budgets.models import Encumbrance
from webapp.budgets.services import budget_create
from webapp.costs.models import Machine

NUM_SUBMISSIONS = 12
NUM_PAID_FOR = 4


@pytest.mark.django_db(transaction=True)
def test_many_submissions_at_once_cannot_overspend() -> None:
    cast = make_team()
    worker = make_worker()
    Machine.objects.create(host=worker.host, device="cpu", usd_per_device_hour=1)
    first = measure(cast)
    p90 = Encumbrance.objects.get(job=first).usd_p90
    assert p90 is not None
    budget = budget_create(
        team=cast.team, unit="usd", amount=round(p90 * (NUM_PAID_FOR + 1), 6) + 1, created_by=cast.alice
    )
    start = threading.Barrier(NUM_SUBMISSIONS)
    made, refused, broken = [], [], []

    def submit() -> None:
        try:
            start.wait(timeout=60)
            made.append(measure(cast).pk)
        except BudgetAnswer as answer:
            refused.append(str(answer))
        except Exception as error:
            broken.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=submit) for _ in range(NUM_SUBMISSIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert broken == []
    assert (len(made), len(refused)) == (NUM_PAID_FOR, NUM_SUBMISSIONS - NUM_PAID_FOR)
    found = standing(budget)
    assert found.free >= 0
    assert Encumbrance.objects.count() == NUM_PAID_FOR + 1
