"""How a sweep stands: its runs, what it has spent, what mattered, and which rate another width wants."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from django.utils.translation import gettext as _

from trainer.sweep.importance import ENOUGH_RUNS_A_SETTING, MIN_RUNS, importances
from trainer.sweep.rates import RATE, rate_rule, width_of, width_setting
from webapp.jobs.display import shown_state, state_word
from webapp.runs.setting_fields import setting_label
from webapp.sweeps.frontier import frontier_chart
from webapp.sweeps.models import Sweep, Trial
from webapp.sweeps.parallel import parallel
from webapp.sweeps.spending import Spent, spent_on


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A line of the table of runs."""

    trial: Trial
    values: list[str]
    state: str
    word: str
    is_best: bool


def live_context(sweep: Sweep) -> dict[str, Any]:
    """Return what the moving part of a sweep's page shows."""
    trials = list(sweep.trials.select_related("run__latest_job").order_by("number"))
    landed = [trial for trial in trials if trial.value is not None]
    best = best_of(sweep, landed)
    spent = spent_on(sweep)
    frontier = frontier_chart(sweep, trials)
    return {
        "rows": [_row(sweep, trial, best) for trial in trials],
        "columns": [(setting.name, setting_label(setting.name)) for setting in sweep.varied],
        "num_landed": len(landed),
        "num_stopped": sum(trial.stopped_at_step is not None for trial in trials),
        "best": best,
        "best_values": [(setting.name, short(best.values[setting.name])) for setting in sweep.varied] if best else [],
        "spent": spent,
        "share_spent": min(spent.share_of(sweep), 1.0),
        "left": _left(sweep, spent),
        "parallel": parallel(sweep, trials),
        "frontier": frontier,
        "frontier_id": f"frontier-{hash_of(frontier)}",
        **_importance(sweep, landed),
        **_rates(sweep, landed),
    }


def best_of(sweep: Sweep, landed: list[Trial]) -> Trial | None:
    sign = 1 if sweep.lower_is_better else -1
    return min(landed, key=lambda trial: sign * float(trial.value or 0.0), default=None)


def hash_of(data: Any) -> str:
    """Return a name of what a chart shows: while it is the same, the page keeps the chart and the table that is open below it."""
    return blake2b(repr(data).encode(), digest_size=6).hexdigest()


def short(value: Any) -> str:
    """0.000960556 -> 0.000961; the CSV has all digits."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _row(sweep: Sweep, trial: Trial, best: Trial | None) -> Row:
    if trial.stopped_at_step is not None and trial.ended_at is not None:
        state, word = "stopped", _("stopped at %(n)d") % {"n": trial.stopped_at_step}
    elif trial.run is None:
        state, word = "failed", _("not possible")
    else:
        state = shown_state(trial.run.latest_job)
        word = str(state_word(state))
    values = [short(trial.values.get(setting.name)) for setting in sweep.varied]
    return Row(trial=trial, values=values, state=state, word=word, is_best=best is not None and trial.pk == best.pk)


def _left(sweep: Sweep, spent: Spent) -> Spent:
    return Spent(
        usd=max(0.0, (sweep.budget_usd or 0.0) - spent.usd),
        seconds=max(0.0, (sweep.budget_hours or 0.0) * 3600 - spent.seconds),
    )


def _importance(sweep: Sweep, landed: list[Trial]) -> dict[str, Any]:
    found = importances(sweep.settings, [t.values for t in landed], [float(t.value or 0.0) for t in landed])
    wanted = ENOUGH_RUNS_A_SETTING * max(len(sweep.varied), 1)
    if not found:
        note = _("Too early: it takes at least %(n)d runs with a result, and %(have)d have one.")
        return {"importance": [], "importance_note": note % {"n": MIN_RUNS, "have": len(landed)}}
    few = _(
        "%(have)d runs for %(settings)d settings are few: with less than %(wanted)d, an order of settings may turn around."
    )
    numbers = {"have": len(landed), "settings": len(sweep.varied), "wanted": wanted}
    return {"importance": found, "importance_note": few % numbers if len(landed) < wanted else ""}


def _rates(sweep: Sweep, landed: list[Trial]) -> dict[str, Any]:
    """Return the rule for learning rates, where the sweep varied them; runs that were stopped early do not count."""
    if RATE not in [setting.name for setting in sweep.varied]:
        return {"rule": None}
    whole = [trial for trial in landed if trial.stopped_at_step is None]
    rule = rate_rule(
        [trial.values for trial in whole], [float(trial.value or 0.0) for trial in whole],
        lower_is_better=sweep.lower_is_better, fixed_width=width_of(sweep.spec.get("model") or {}),
    )  # fmt: skip
    if rule is None:
        return {"rule": None}
    widest = max(each.width for each in rule.best)
    return {
        "rule": rule,
        "rule_rows": [(round(widest * times), rule.rate_at(widest * times)) for times in (2, 4, 8)],
        "varies_width": width_setting([setting.name for setting in sweep.varied]) is not None,
    }
