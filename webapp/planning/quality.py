"""Whether an option meets the quality bar, as far as somebody measured it: by an evaluation here, or a figure with a source."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from trainer.metrics.direction import lower_is_better
from webapp.planning.board_plan import titles
from webapp.planning.inputs import OPTION_NAMES
from webapp.planning.models import OptionQuality, Plan
from webapp.registry.models import Result
from webapp.teams.models import User

NUM_RESULTS = 50


class QualityForm(forms.Form):
    """An evaluation of a kept model, or a number with its source."""

    option = forms.ChoiceField(label=_("Option"))
    result = forms.ModelChoiceField(
        Result.objects.none(), label=_("Evaluation"), required=False, empty_label=_("from elsewhere")
    )
    metric = forms.CharField(
        label=_("Metric"), max_length=80, help_text=_("As the evaluation names it, such as accuracy.")
    )
    value = forms.FloatField(label=_("Measured"), required=False, help_text=_("Empty: the evaluation's."))
    bar = forms.FloatField(label=_("The bar"), help_text=_("What the metric must reach."))
    source = forms.CharField(label=_("Where it is from"), max_length=300, required=False)

    def __init__(self, *args: Any, plan: Plan, **options: Any) -> None:
        super().__init__(*args, **options)
        names = titles()
        self.fields["option"].choices = [(name, names[name]) for name in OPTION_NAMES]  # type: ignore[attr-defined]
        results = Result.objects.filter(version__project=plan.project).select_related("version", "suite")
        field = self.fields["result"]
        field.queryset = results.filter(pk__in=results.values("pk")[:NUM_RESULTS])  # type: ignore[attr-defined]
        field.label_from_instance = _result_name  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        result, metric = cleaned.get("result"), cleaned.get("metric", "")
        if result is not None:
            measured = result.metrics.get(metric)
            if not isinstance(measured, int | float):
                known = ", ".join(sorted(result.metrics)) or _("none")
                self.add_error("metric", _("This evaluation did not measure it; it has: %s") % known)
            elif cleaned.get("value") is None:
                cleaned["value"] = float(measured)
            cleaned["source"] = cleaned.get("source") or _result_name(result)
        elif cleaned.get("value") is None:
            self.add_error("value", _("Give the number, or choose an evaluation."))
        elif not cleaned.get("source"):
            self.add_error("source", _("Say where the number is from."))
        return cleaned


def _result_name(result: Result) -> str:
    suite = result.suite.name if result.suite else _("end of training")
    return f"{result.version} · {suite} · {result.split}"


def quality_set(*, plan: Plan, cleaned: dict[str, Any], by: User) -> OptionQuality:
    """Write down how good an option is; a new measurement takes the place of the one before."""
    metric = cleaned["metric"].strip()
    values = {name: cleaned[name] for name in ("value", "bar", "result")}
    values |= {"source": cleaned["source"][:300], "metric": metric, "lower_is_better": lower_is_better(metric)}
    row, _made = OptionQuality.objects.update_or_create(
        plan=plan, option=cleaned["option"], defaults={**values, "created_by": by}
    )
    return row


def with_quality(plan: Plan, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the card's rows of options, each with its measured quality where there is one."""
    known = {row.option: row for row in plan.qualities.all()}
    return [row | {"quality": known.get(row["name"])} for row in rows]
