"""A sweep goes on by itself: results are taken in, runs that fall behind are stopped, and the next one is made.

`sweep_continue` does the next step, whoever calls it and when (`webapp.jobs.going_on`). The sweep's row is locked meanwhile.
"""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from trainer.sweep.halving import to_stop
from trainer.sweep.samplers import Tried, next_values
from trainer.sweep.space import SweepRefused, spec_with
from webapp.costs.queries import job_spend
from webapp.jobs.errors import JobRefused
from webapp.jobs.going_on import GoingOn
from webapp.jobs.models import ACTIVE_STATES, Job, State
from webapp.jobs.services import job_stop
from webapp.runs.ranking import value_of
from webapp.runs.services import run_create
from webapp.sweeps.halving import curve_of
from webapp.sweeps.models import Sweep, Trial
from webapp.sweeps.spending import next_costs, spent_on

MOST_FAILURES = 3
"""So many runs in a row without a result: what they have in common is wrong, and a person has to look."""


@transaction.atomic
def sweep_continue(sweep_id: int) -> None:
    """Take in what has ended, stop what fell behind, and make as many runs as may be at work at once."""
    sweep = (
        Sweep.objects.select_for_update(of=("self",))
        .select_related("project__team", "dataset_version")
        .get(pk=sweep_id)
    )
    trials = list(sweep.trials.select_related("run__latest_job").order_by("number"))
    for trial in trials:
        _take_in(sweep, trial)
    running = [trial for trial in trials if trial.ended_at is None]
    if not sweep.is_active:
        return
    _halve(sweep, trials, running)
    if spent_on(sweep).share_of(sweep) >= 1:
        _end(sweep, running, _("The budget is spent."))
        return
    while len(running) < sweep.num_at_once and sweep.is_active:
        if _have_failed(trials):
            _block(sweep, _("The last %(n)d runs ended without a result; look at one of them.") % {"n": MOST_FAILURES})
            return
        made = _begin_next(sweep, trials, running)
        if made is None:
            return
        trials.append(made)
        if made.ended_at is None:
            running.append(made)


def _take_in(sweep: Sweep, trial: Trial) -> None:
    """Write down the result of a run that has ended."""
    run = trial.run
    if trial.ended_at is not None or run is None or run.latest_job.state in ACTIVE_STATES:
        return
    spent = job_spend(jobs=Job.objects.filter(train_job__run=run))
    trial.value = value_of(run, sweep.metric, lower=sweep.lower_is_better)
    trial.seconds, trial.usd, trial.ended_at = spent.seconds, float(spent.effective_usd), timezone.now()
    if run.latest_job.state != State.SUCCEEDED and trial.stopped_at_step is None:
        trial.problem = run.latest_job.reason or _("The run ended early.")
    elif trial.value is None:
        trial.problem = _("The run measured no %(metric)s.") % {"metric": sweep.metric}
    trial.save(update_fields=["value", "seconds", "usd", "ended_at", "problem"])


def _halve(sweep: Sweep, trials: list[Trial], running: list[Trial]) -> None:
    """Stop the runs that are not among the best at a rung that they have reached."""
    if not sweep.rungs:
        return
    curves = [curve_of(trial.number, trial.run, sweep.metric, sweep.rungs) for trial in trials if trial.run is not None]
    alive = {trial.number for trial in running if trial.stopped_at_step is None}
    fallen = to_stop(curves, alive, factor=sweep.halving_factor, lower_is_better=sweep.lower_is_better)
    for trial in running:
        if trial.number in fallen and trial.run is not None:
            trial.stopped_at_step = fallen[trial.number]
            trial.save(update_fields=["stopped_at_step"])
            job_stop(job=trial.run.latest_job, by=None)


def _have_failed(trials: list[Trial]) -> bool:
    last = [trial for trial in trials if trial.ended_at is not None][-MOST_FAILURES:]
    return len(last) == MOST_FAILURES and all(trial.value is None for trial in last)


def _begin_next(sweep: Sweep, trials: list[Trial], running: list[Trial]) -> Trial | None:
    """Make the next run; None where there is none to make, with the reason in the sweep's row."""
    if len(trials) >= sweep.max_trials:
        _settle(sweep, running, _("All %(n)d runs are made.") % {"n": sweep.max_trials})
        return None
    tried = [Tried(values=t.values, result=t.value, is_running=t.ended_at is None) for t in trials]
    values = next_values(sweep.method, sweep.settings, tried, lower_is_better=sweep.lower_is_better, seed=sweep.seed)
    if values is None:
        _settle(sweep, running, _("The grid is complete."))
        return None
    number = len(trials) + 1
    try:
        spec = spec_with(sweep.spec, values)
        spent, expected = spent_on(sweep), next_costs(sweep, values, trials)
        total = type(spent)(usd=spent.usd + expected.usd, seconds=spent.seconds + expected.seconds)
        if trials and total.share_of(sweep) > 1:
            _settle(sweep, running, _("The rest of the budget is too little for another run."))
            return None
        with transaction.atomic():
            run = run_create(
                project=sweep.project, created_by=sweep.created_by, version=sweep.dataset_version, spec=spec,
                name=f"{sweep.name} {number}"[:120], tags=["sweep"], idempotency_key=f"sweep-{sweep.code}-{number}",
            )  # fmt: skip
    except SweepRefused as error:
        # values that do not go together: a trial without a run, and the next are tried
        return Trial.objects.create(
            sweep=sweep, number=number, values=values, problem=str(error), ended_at=timezone.now()
        )
    except ValidationError as error:
        _block(sweep, " ".join(error.messages))
        return None
    except JobRefused as error:
        _block(sweep, str(error))
        return None
    return Trial.objects.create(sweep=sweep, number=number, values=values, run=run)


def _settle(sweep: Sweep, running: list[Trial], sentence: str) -> None:
    """Nothing more is begun; the sweep is done when the last run has ended."""
    if not running:
        Sweep.objects.filter(pk=sweep.pk).update(state=Sweep.State.DONE, problem=sentence)
        sweep.state = Sweep.State.DONE


def _end(sweep: Sweep, running: list[Trial], sentence: str) -> None:
    """Stop what is at work: it saves and ends, and its result counts."""
    for trial in running:
        if trial.run is not None and trial.stopped_at_step is None:
            trial.stopped_at_step = max(trial.run.last_step, 1)
            trial.save(update_fields=["stopped_at_step"])
            job_stop(job=trial.run.latest_job, by=None)
    Sweep.objects.filter(pk=sweep.pk).update(state=Sweep.State.DONE, problem=sentence)


def _block(sweep: Sweep, sentence: str) -> None:
    Sweep.objects.filter(pk=sweep.pk).update(state=Sweep.State.BLOCKED, problem=sentence)
    sweep.state = Sweep.State.BLOCKED


def _sweep_of(job_id: int) -> int | None:
    return Trial.objects.filter(run__train_jobs__job=job_id).values_list("sweep_id", flat=True).first()


def _not_over() -> set[int]:
    """Sweeps that run, and those whose last runs have not been taken in."""
    running = set(Sweep.objects.filter(state=Sweep.State.RUNNING).values_list("pk", flat=True))
    return running | set(Trial.objects.filter(run__isnull=False, ended_at=None).values_list("sweep_id", flat=True))


SWEEPS = GoingOn(name="sweep", step=sweep_continue, of_job=_sweep_of, waiting=_not_over)
