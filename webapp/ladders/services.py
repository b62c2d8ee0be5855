"""All that people do to a ladder: make it, stop it, go on, try a rung again, add an experiment, bring in points."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from trainer.spec import spec_to_dict
from webapp.jobs.errors import JobError
from webapp.jobs.models import ACTIVE_STATES
from webapp.jobs.services import job_retry, job_stop
from webapp.ladders.fits import fit_refresh
from webapp.ladders.models import Ladder, LadderPoint
from webapp.ladders.points import economics_points, landed, points_from_csv
from webapp.ladders.proposal import Proposal
from webapp.ladders.queueing import LADDERS
from webapp.ladders.rungs import Common, Rung, trunk
from webapp.ladders.timing import device_of_ladders, rung_quote
from webapp.projects.models import Project
from webapp.quotes.figures import QuoteFigures
from webapp.teams.models import User


@transaction.atomic
def ladder_create(
    *,
    project: Project,
    created_by: User | None,
    name: str,
    common: Common,
    proposal: Proposal,
    settings: dict[str, Any] | None = None,
) -> Ladder:
    """Make a ladder of a proposal; its first rung is put in the queue after commit."""
    version = common.version
    if version.dataset.project_id != project.pk or version.ready_at is None:
        raise ValidationError(_("This dataset version is not ready in this project; choose another."))
    ladder = Ladder(
        project=project, name=name.strip() or ladder_name(project), dataset_version=version, created_by=created_by,
        settings={**common.settings(), **(settings or {})}, quote=proposal.quote_dict(),
        target_params=proposal.target[0], target_tokens=proposal.target[1],
    )  # fmt: skip
    ladder.full_clean()
    ladder.save()
    before: dict[int, LadderPoint] = {}
    for position, planned in enumerate(proposal.rungs):
        follows = before.get(planned.size) if planned.role == "cooldown" else None
        point = _point(ladder, planned.rung, planned.quote, role=planned.role, position=position, after=follows)
        if planned.role != "repeat":
            before[planned.size] = point
    LADDERS.on_commit(ladder.pk)
    return ladder


@transaction.atomic
def point_add(*, ladder: Ladder, num_params: float, num_tokens: float, by: User | None) -> LadderPoint:
    """Add one experiment to a ladder: a complete run of its own, made when the ladder's others are done."""
    common = common_of(ladder)
    rung = trunk(num_params, [num_tokens], common)[0]
    device = device_of_ladders()
    quote = rung_quote(rung, common.version, device, ladder.project.team) if device else None
    ladder = Ladder.objects.select_for_update(of=("self",)).get(pk=ladder.pk)
    point = _point(ladder, rung, quote, role=LadderPoint.Role.SINGLE, position=_next_position(ladder))
    if ladder.state == Ladder.State.DONE:
        Ladder.objects.filter(pk=ladder.pk).update(state=Ladder.State.RUNNING, problem="")
    LADDERS.on_commit(ladder.pk)
    return point


@transaction.atomic
def ladder_import(
    *, project: Project, created_by: User | None, content: bytes, ladder: Ladder | None = None, name: str = ""
) -> Ladder:
    """Bring points of runs done elsewhere into a ladder, or into a new one of their own; raise `InputError` with the row."""
    points, conventions = points_from_csv(content)
    if ladder is None:
        ladder = Ladder(
            project=project, name=name.strip() or ladder_name(project), created_by=created_by, state=Ladder.State.DONE,
            settings={
                "vocabulary_size": conventions.vocabulary_size, "bytes_per_token": conventions.bytes_per_token,
            },
        )  # fmt: skip
        ladder.full_clean()
        ladder.save()
    ladder = Ladder.objects.select_for_update(of=("self",)).get(pk=ladder.pk)
    first = _next_position(ladder)
    for index, point in enumerate(points):
        point.ladder, point.position, point.landed_at = ladder, first + index, timezone.now()
        point.cluster = f"{first}-{point.cluster}"
    LadderPoint.objects.bulk_create(points)
    economics_points(ladder, landed(ladder))  # what cannot be fitted together is refused with a sentence
    fit_refresh(ladder)
    return ladder


@transaction.atomic
def ladder_stop(*, ladder: Ladder, by: User | None) -> None:
    """Make no further rung; the one that runs saves and ends."""
    Ladder.objects.filter(pk=ladder.pk).exclude(state=Ladder.State.DONE).update(
        state=Ladder.State.STOPPED, problem=_("Stopped on request.")
    )
    for point in ladder.points.filter(run__latest_job__state__in=ACTIVE_STATES).select_related("run__latest_job"):
        assert point.run is not None
        job_stop(job=point.run.latest_job, by=by)


@transaction.atomic
def ladder_go_on(*, ladder: Ladder, by: User | None) -> int:
    """Go on with a stopped or blocked ladder: rungs that ended early are tried again; return how many."""
    points = ladder.points.filter(run__isnull=False, loss=None).select_related("run__latest_job")
    number = sum(point_retry(point=point, by=by) for point in points)
    Ladder.objects.filter(pk=ladder.pk).update(state=Ladder.State.RUNNING, problem="")
    LADDERS.on_commit(ladder.pk)
    return number


def point_retry(*, point: LadderPoint, by: User | None) -> bool:
    """Try a rung again that ended without a result; it goes on from its last checkpoint where it has one."""
    if point.run is None or point.has_landed or point.run.latest_job.state in ACTIVE_STATES:
        return False
    try:
        job_retry(job=point.run.latest_job, by=by)
    except JobError:
        return False
    Ladder.objects.filter(pk=point.ladder_id).update(state=Ladder.State.RUNNING, problem="")
    LADDERS.on_commit(point.ladder_id)
    return True


@transaction.atomic
def point_leave_out(*, point: LadderPoint, left_out: bool) -> None:
    """Take a landed point out of the fit, or back in, and the fit follows; one that has not landed is not made at all.

    What would have gone on from a rung that is not made cannot be made either.
    """
    points = [point] if point.has_landed or not left_out else [point, *_not_landed_after(point)]
    LadderPoint.objects.filter(pk__in=[each.pk for each in points]).update(is_left_out=left_out)
    fit_refresh(point.ladder)
    Ladder.objects.filter(pk=point.ladder_id, state=Ladder.State.BLOCKED).update(
        state=Ladder.State.RUNNING, problem=""
    )  # fmt: skip
    if not left_out and not point.has_landed:
        Ladder.objects.filter(pk=point.ladder_id, state=Ladder.State.DONE).update(state=Ladder.State.RUNNING)
    LADDERS.on_commit(point.ladder_id)


def _not_landed_after(point: LadderPoint) -> list[LadderPoint]:
    """Return the rungs that go on from a rung, and from those."""
    found: list[LadderPoint] = []
    for follower in point.followers.filter(loss=None):
        found += [follower, *_not_landed_after(follower)]
    return found


def common_of(ladder: Ladder) -> Common:
    """Return what all rungs of the ladder share."""
    version = ladder.dataset_version
    if version is None:
        raise ValidationError(_("All runs of this ladder were made elsewhere; make a ladder here to add to."))
    names = ("sequence_length", "sequences_per_step", "rate_factor", "seed", "sample_prompt")
    known = {name: ladder.settings[name] for name in names if name in ladder.settings}
    return Common(version=version, **known)


def ladder_name(project: Project) -> str:
    return _("ladder-%(n)d") % {"n": project.ladders.count() + 1}


def ladder_retarget(*, ladder: Ladder, num_params: float, num_tokens: float) -> None:
    """Ask for the loss of another run."""
    Ladder.objects.filter(pk=ladder.pk).update(target_params=num_params, target_tokens=num_tokens)


def _point(
    ladder: Ladder,
    rung: Rung,
    quote: QuoteFigures | None,
    *,
    role: str,
    position: int,
    after: LadderPoint | None = None,
) -> LadderPoint:
    """Make the row of a rung. The folder it branches from is known only once the rung before has ended."""
    train_tokens = ladder.dataset_version.num_units("train") if ladder.dataset_version else 0
    return LadderPoint.objects.create(
        ladder=ladder,
        role=role,
        position=position,
        after=after,
        branch_step=rung.branch_step,
        num_params=rung.num_params,
        num_params_in_matmuls=rung.num_params_in_matmuls,
        num_tokens=rung.num_tokens,
        num_unique_tokens=min(rung.num_tokens, train_tokens) if train_tokens else None,
        flop=rung.flop,
        learning_rate=rung.spec.optimizer.learning_rate,
        spec=spec_to_dict("train", replace(rung.spec, branch_from="")),
        predicted=quote.intervals() if quote else {},
    )


def _next_position(ladder: Ladder) -> int:
    return int(ladder.points.aggregate(next=Coalesce(Max("position") + 1, 0))["next"])
