"""What the panes of a run's page show, ready to be written down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from trainer.families import families
from webapp.costs.models import LedgerEntry
from webapp.jobs.logs import last_lines
from webapp.jobs.models import Attempt, Job, JobEvent, State
from webapp.runs.checkpoints import best, disk_use_bytes
from webapp.runs.machines import peak_flop_per_second
from webapp.runs.models import Checkpoint, Run
from webapp.runs.prices import worker_of
from webapp.runs.services import can_resume, resume_step
from webapp.runs.status import Status, run_status
from webapp.runs.transfer import is_transfer, scratch_runs, stored
from webapp.runs.unit_words import unit_of_family

NUM_SAMPLES = 50
NUM_EVENTS = 500
OVERVIEW_EVENTS = 8
QUIET_EVENTS = ("progress", "metrics")


@dataclass(frozen=True, kw_only=True, slots=True)
class Tab:
    name: str
    title: Any
    template: str
    context: Callable[[Run], dict[str, Any]]
    has_live_parts: bool = True
    """It may be put into the open page; one whose own module sets itself up only once is loaded as a page."""


def head_context(run: Run) -> dict[str, Any]:
    """Return what stands above the tabs."""
    status = run_status(run)
    family = families().get(run.family)
    return {
        "run": run,
        "status": status,
        "live": status.as_json(),
        "family_title": family.title if family else run.family,
        "unit": unit_of_family(run.family),
        "can_resume": can_resume(run),
        "resume_step": resume_step(run) if can_resume(run) else 0,
        "has_checkpoint": best(run) is not None,
        "failure": failure_of(run, status),
        "peak_flop_per_second": peak_flop_per_second(worker_of(run), str(run.resolved.get("dtype", ""))),
    }


def failure_of(run: Run, status: Status) -> dict[str, Any] | None:
    """Return why the run failed, and the end of its log; None if it did not."""
    if run.latest_job.state != State.FAILED:
        return None
    attempt = Attempt.objects.filter(job=run.latest_job).order_by("-fence").first()
    return {
        "code": status.reason_code,
        "reason": status.reason,
        "log": _last_lines(attempt) if attempt else "",
    }


def _last_lines(attempt: Attempt, num_lines: int = 50) -> str:
    """Return the last lines of an attempt's log."""
    text = attempt.log_tail or last_lines(attempt.folder.log, num_lines)
    return "\n".join(text.splitlines()[-num_lines:])


def overview_context(run: Run) -> dict[str, Any]:
    return {
        "unit": unit_of_family(run.family),
        "sample": run.samples.first(),
        "recent_events": list(_events(run)[:OVERVIEW_EVENTS]),
        "best": best(run),
        "facts": facts_of(run),
        "main_metric": _main_metric(run),
        "worth": worth_context(run),
    }


def worth_context(run: Run) -> dict[str, Any] | None:
    """Return what the run's start from a trained model was worth; None where it began with random weights."""
    if not is_transfer(run.spec):
        return None
    found = stored(run)
    codes = {code for each in found for code in each.against}
    against = list(Run.objects.filter(project=run.project, code__in=codes)) if codes else scratch_runs(run)
    return {"found": found, "against": against, "is_over": run.latest_job.is_final}


def _main_metric(run: Run) -> str:
    family = families().get(run.family)
    return family.main_metric if family else "validation/loss"


def facts_of(run: Run) -> dict[str, Any]:
    """Return the run in a few figures."""
    summary = run.summary.get("validation/loss") or {}
    tokens = run.tokens_per_step
    return {
        "num_parameters": run.facts.get("num_parameters"),
        "num_tokens": tokens * run.num_steps if tokens else None,
        "tokens_seen": tokens * run.last_step if tokens else None,
        "flop": tokens * run.num_steps * run.flop_per_token if tokens and run.flop_per_token else None,
        "best_loss": summary.get("min"),
        "best_step": summary.get("min_step"),
        "bits_per_byte": (run.summary.get("validation/bits_per_byte") or {}).get("min"),
    }


def _events(run: Run) -> Any:
    """Return what happened in all the run's jobs, newest first; figures and points left out."""
    return (
        JobEvent.objects.filter(job__train_job__run=run)
        .exclude(type__in=QUIET_EVENTS)
        .select_related("job")
        .order_by("-job_id", "-seq")
    )


def samples_context(run: Run) -> dict[str, Any]:
    return {"samples": list(run.samples.all()[:NUM_SAMPLES])}


def logs_context(run: Run) -> dict[str, Any]:
    return {"attempts": list(attempts_of(run))}


def attempts_of(run: Run) -> Any:
    return (
        Attempt.objects.filter(job__train_job__run=run)
        .select_related("worker", "job")
        .order_by("-started_at", "-id")
    )  # fmt: skip


def config_context(run: Run) -> dict[str, Any]:
    settings = dict(sorted(run.resolved.items())) | (run.facts.get("parallel") or {})
    reasons = run.resolved_reasons
    return {
        "config": sorted(flat(run.spec)),
        "resolved": [
            *((name, value, reasons.get(name, "")) for name, value in settings.items()),
            *((name, "", why) for name, why in reasons.items() if name not in settings),
        ],
        "facts": sorted(flat(run.facts)),
    }  # fmt: skip


def flat(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Return nested settings as dotted names with their values, in order."""
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            found += flat(value, f"{prefix}{name}.")
        else:
            found.append((f"{prefix}{name}", value))
    return found


def checkpoints_context(run: Run) -> dict[str, Any]:
    rows = list(Checkpoint.objects.filter(run=run).order_by("-step", "-id")[:200])
    return {
        "checkpoints": [row for row in rows if row.removed_at is None],
        "num_removed": sum(row.removed_at is not None for row in rows),
        "disk": disk_use_bytes(run.project),
    }


def evaluation_context(run: Run) -> dict[str, Any]:
    """Validation as it went, and the test at the end."""
    names = sorted(key for key in run.summary if key.startswith("validation/"))
    return {
        "rows": [
            (key.partition("/")[2], run.summary[key], run.test_metrics.get(key.partition("/")[2])) for key in names
        ],
        "test": {k: v for k, v in run.test_metrics.items() if k != "step"},
        "test_step": run.test_metrics.get("step"),
    }


def cost_context(run: Run) -> dict[str, Any]:
    jobs = Job.objects.filter(train_job__run=run)
    return {
        "entries": list(LedgerEntry.objects.filter(job__in=jobs).order_by("started_at")),
        "attempts": list(attempts_of(run)),
    }


def events_context(run: Run) -> dict[str, Any]:
    return {"events": list(_events(run)[:NUM_EVENTS])}


TABS = (
    Tab(name="overview", title=_("Overview"), template="runs/_overview.html", context=overview_context),
    Tab(name="system", title=_("System"), template="runs/_system.html", context=lambda run: {}),
    Tab(name="samples", title=_("Samples"), template="runs/_samples.html", context=samples_context),
    Tab(name="logs", title=_("Logs"), template="runs/_logs.html", context=logs_context, has_live_parts=False),
    Tab(name="config", title=_("Config"), template="runs/_config.html", context=config_context),
    Tab(name="checkpoints", title=_("Checkpoints"), template="runs/_checkpoints.html", context=checkpoints_context),
    Tab(name="evaluation", title=_("Evaluation"), template="runs/_evaluation.html", context=evaluation_context),
    Tab(name="cost", title=_("Cost"), template="runs/_cost.html", context=cost_context),
    Tab(name="events", title=_("Events"), template="runs/_run_events.html", context=events_context),
)


def tab_named(name: str) -> Tab:
    return next((tab for tab in TABS if tab.name == name), TABS[0])
