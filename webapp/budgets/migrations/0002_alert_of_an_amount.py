"""A warning keeps the amount that the budget had: a changed budget is watched anew."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def take_amounts(apps: Any, schema_editor: Any) -> None:
    budgets = apps.get_model("budgets", "Budget").objects.filter(pk=OuterRef("budget"))
    apps.get_model("budgets", "BudgetAlert").objects.update(amount=Subquery(budgets.values("amount")[:1]))


class Migration(migrations.Migration):
    dependencies = [("budgets", "0001_initial")]
    operations = [
        migrations.RemoveConstraint(model_name="budgetalert", name="budget_alert_once"),
        migrations.AddField(
            model_name="budgetalert",
            name="amount",
            field=models.DecimalField(decimal_places=6, max_digits=16, null=True),
        ),
        migrations.RunPython(take_amounts, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="budgetalert", name="amount", field=models.DecimalField(decimal_places=6, max_digits=16)
        ),
        migrations.AddConstraint(
            model_name="budgetalert",
            constraint=models.UniqueConstraint(
                fields=("budget", "month", "percent", "amount"), name="budget_alert_once"
            ),
        ),
    ]
