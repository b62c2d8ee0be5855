"""A ladder goes on by itself: whenever a rung ends its result is taken in, the law fitted anew, and the next rung made.

`ladder_continue` does the next step, whoever calls it and when (`webapp.jobs.going_on`). The ladder's row is locked
meanwhile.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from trainer.spec import TrainSpec, spec_from_dict
from webapp.jobs.errors import JobRefused
from webapp.jobs.going_on import GoingOn
from webapp.jobs.models import ACTIVE_STATES
from webapp.ladders.fits import fit_refresh
from webapp.ladders.landing import branch_checkpoint, point_land
from webapp.ladders.models import Ladder, LadderPoint
from webapp.quotes.models import Quote
from webapp.runs.services import run_create
from webapp.ui.templatetags.figures import count

log = logging.getLogger(__name__)


@transaction.atomic
def ladder_continue(ladder_id: int) -> None:
    """Take in what has landed, and make the next rung unless one is under way."""
    ladder = (
        Ladder.objects.select_for_update(of=("self",))
        .select_related("project__team", "dataset_version")
        .get(pk=ladder_id)
    )
    points = list(ladder.points.select_related("run__latest_job").order_by("position"))
    known = {point.pk: point for point in points}
    for point in points:
        point.after = known.get(point.after_id or 0)  # the same object, so that it is seen to land
    num_landed = sum(point_land(point) for point in points)
    is_free = ladder.state == Ladder.State.RUNNING and not any(_is_under_way(point) for point in points)
    following = next((point for point in points if _may_begin(point)), None) if is_free else None
    if num_landed and following is not None and following is not _largest(points):
        # nobody waits for the law before the next rung but the largest, whose loss it foretells
        _begin(ladder, following)
        fit_later(ladder.pk)
        return
    if num_landed:
        fit_refresh(ladder)
    if following is not None:
        _begin(ladder, following)
    elif is_free:
        _settle(ladder, points)


def fit_later(ladder_id: int) -> None:
    """Fit the law anew elsewhere, once this transaction is committed. Where the message is lost, the next end does it."""
    from webapp.ladders.tasks import refit

    def send() -> None:
        try:
            refit.apply_async(args=[ladder_id], queue="light", retry=False)
        except Exception as error:
            log.warning("ladder %s is fitted later: %s", ladder_id, error)

    transaction.on_commit(send)


def _largest(points: list[LadderPoint]) -> LadderPoint:
    return max(points, key=lambda point: point.flop or 0.0)


def _is_under_way(point: LadderPoint) -> bool:
    return point.run is not None and not point.has_landed and point.run.latest_job.state in ACTIVE_STATES


def _may_begin(point: LadderPoint) -> bool:
    if point.run is not None or point.has_landed or point.is_left_out:
        return False
    return point.after is None or (point.after.run is not None and point.after.has_landed)


def _begin(ladder: Ladder, point: LadderPoint) -> None:
    """Make the rung's run; where it may not be made, the ladder says why and waits."""
    spec = cast(TrainSpec, spec_from_dict(point.spec)[1])
    if point.after is not None:
        checkpoint = branch_checkpoint(point.after)
        if checkpoint is None:
            gone = _("The checkpoint that %(point)s goes on from is gone; add the run on its own.")
            _block(ladder, gone % {"point": point_name(point)})
            return
        spec = replace(spec, branch_from=str(checkpoint.path))
    values: dict[str, Any] = {
        "project": ladder.project, "created_by": ladder.created_by, "version": ladder.dataset_version, "spec": spec,
        "name": f"{ladder.name} {point_name(point)}"[:120], "tags": ["ladder"],
        "parent": point.after.run if point.after else None,
        "idempotency_key": f"ladder-{ladder.code}-{point.position}",
    }  # fmt: skip
    try:
        with transaction.atomic():
            run = run_create(**values)
    except (JobRefused, ValidationError) as error:
        _block(ladder, " ".join(error.messages) if isinstance(error, ValidationError) else str(error))
        return
    point.run = run
    quote = Quote.objects.filter(job=run.latest_job).first()
    if quote is not None and quote.seconds is not None:
        # what it is held against: said just before it begins, with all that is known by then
        point.predicted = quote.intervals
    point.save(update_fields=["run", "predicted"])


def _settle(ladder: Ladder, points: list[LadderPoint]) -> None:
    """Nothing is left that can be made: all is done, or something has to be tried again."""
    missing = [point for point in points if not (point.has_landed or point.is_left_out)]
    if not missing:
        Ladder.objects.filter(pk=ladder.pk).update(state=Ladder.State.DONE, problem="")
        return
    ended = [point for point in missing if point.run is not None]
    names = ", ".join(point_name(point) for point in ended)
    _block(ladder, _("%(names)s ended without a result. Try again, or leave it out.") % {"names": names})


def _block(ladder: Ladder, sentence: str) -> None:
    Ladder.objects.filter(pk=ladder.pk).update(state=Ladder.State.BLOCKED, problem=sentence)


def point_name(point: LadderPoint) -> str:
    """0.35 M × 4.2 M, as lists and names of runs have it."""
    if point.label:
        return point.label
    again = _(" again") if point.role == LadderPoint.Role.REPEAT else ""
    return f"{count(point.num_params)} × {count(point.num_tokens)}{again}"


def _ladder_of(job_id: int) -> int | None:
    return LadderPoint.objects.filter(run__train_jobs__job=job_id).values_list("ladder_id", flat=True).first()


def _running() -> list[int]:
    return list(Ladder.objects.filter(state=Ladder.State.RUNNING).values_list("pk", flat=True))


LADDERS = GoingOn(name="ladder", step=ladder_continue, of_job=_ladder_of, waiting=_running)
