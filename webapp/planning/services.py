"""All that people can do to a plan: make, answer anew, clone, choose, comment, share, tie runs to levers, put away."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.crypto import salted_hmac

from webapp.planning.answer import full_answer
from webapp.planning.facts import project_facts
from webapp.planning.inputs import PlanInputs, inputs_from_dict, inputs_to_dict
from webapp.planning.models import Comment, LeverEvidence, Plan, PlanVersion, ShareLink
from webapp.planning.moves import what_moved
from webapp.planning.prices import price_used
from webapp.planning.sources import LawUsed, law_used
from webapp.projects.models import Project
from webapp.runs.models import Run
from webapp.teams.models import User

SALT = "webapp.planning.models.ShareLink"


def today() -> dt.date:
    """The day whose prices a plan takes."""
    return timezone.now().date()


def answer_in_full(*, inputs: PlanInputs, project: Project, plan: Plan | None = None) -> tuple[dict[str, Any], LawUsed]:
    """Work out everything, with the prices of today and the law that the inputs name."""
    law = law_used(inputs, project)
    day = today()
    return full_answer(inputs, law, price_used(inputs, day, project.team), day, project_facts(project, plan)), law


def plan_create(*, project: Project, name: str, inputs: PlanInputs, created_by: User | None) -> Plan:
    """Make a plan with its first version."""
    results, law = answer_in_full(inputs=inputs, project=project)
    with transaction.atomic():
        plan = Plan(project=project, name=name.strip()[:120] or inputs.use_case[:120], created_by=created_by)
        plan.full_clean()
        plan.save()
        _version_write(plan, inputs, results, law, created_by, "")
    return plan


def version_create(*, plan: Plan, inputs: PlanInputs, created_by: User | None, note: str = "") -> PlanVersion:
    """Add a version: the inputs as they stand now, worked out with today's prices."""
    results, law = answer_in_full(inputs=inputs, project=plan.project, plan=plan)
    with transaction.atomic():
        Plan.objects.select_for_update().get(pk=plan.pk)
        return _version_write(plan, inputs, results, law, created_by, note)


def version_recompute(*, plan: Plan, created_by: User | None) -> PlanVersion:
    """Work the latest version out again with today's prices and the latest fit; its note says what moved."""
    latest = plan.versions.first()
    assert latest is not None
    inputs = inputs_from_dict(_with_latest_fit(latest))
    results, law = answer_in_full(inputs=inputs, project=plan.project, plan=plan)
    moved = what_moved(latest.results, results)
    with transaction.atomic():
        Plan.objects.select_for_update().get(pk=plan.pk)
        return _version_write(plan, inputs, results, law, created_by, moved)


def _with_latest_fit(version: PlanVersion) -> dict[str, Any]:
    from webapp.ladders.models import ScalingFit

    kind, _colon, code = str(version.inputs.get("law", "")).partition(":")
    if kind != "fit":
        return dict(version.inputs)
    used = ScalingFit.objects.filter(code=code).first()
    newest = used and ScalingFit.objects.filter(ladder=used.ladder, has_law=True).order_by("-number").first()
    return {**version.inputs, "law": f"fit:{newest.code}"} if newest else dict(version.inputs)


def _version_write(
    plan: Plan, inputs: PlanInputs, results: dict[str, Any], law: LawUsed, by: User | None, note: str
) -> PlanVersion:
    number = (plan.versions.aggregate(most=Max("number"))["most"] or 0) + 1
    return PlanVersion.objects.create(
        plan=plan, number=number, inputs=inputs_to_dict(inputs), results=results, catalogue_date=today(),
        law_label=law.label[:200], law=law.stored, note=note[:2000], created_by=by,
    )  # fmt: skip


@transaction.atomic
def plan_clone(*, version: PlanVersion, created_by: User | None) -> Plan:
    """Make a plan of its own from a version, with the results of its day."""
    source = version.plan
    plan = Plan.objects.create(project=source.project, name=f"{source.name} (copy)"[:120], created_by=created_by)
    PlanVersion.objects.create(
        plan=plan, number=1, inputs=version.inputs, results=version.results, law=version.law,
        catalogue_date=version.catalogue_date, law_label=version.law_label, note=f"Copy of {version}",
        created_by=created_by,
    )  # fmt: skip
    return plan


def plan_choose(*, plan: Plan, chosen: str, why: str, by: User) -> None:
    """Write down what was chosen and why."""
    plan.chosen, plan.chosen_why, plan.chosen_by, plan.chosen_at = chosen.strip()[:200], why.strip(), by, timezone.now()
    plan.save(update_fields=["chosen", "chosen_why", "chosen_by", "chosen_at"])


def plan_archive(*, plan: Plan) -> None:
    """Put a plan away; nothing of it is lost."""
    Plan.objects.filter(pk=plan.pk).update(archived_at=None if plan.archived_at else timezone.now())


def comment_add(*, plan: Plan, version: PlanVersion | None, author: User, text: str) -> Comment:
    comment = Comment(plan=plan, version=version, author=author, text=text.strip())
    comment.full_clean()
    comment.save()
    return comment


def secret_hash(secret: str) -> str:
    return salted_hmac(SALT, secret, algorithm="sha256").hexdigest()


def share_create(*, version: PlanVersion, created_by: User) -> tuple[ShareLink, str]:
    """Make an address for readers; its secret is told once."""
    secret = secrets.token_urlsafe(24)
    return ShareLink.objects.create(version=version, secret_hash=secret_hash(secret), created_by=created_by), secret


def share_revoke(*, link: ShareLink) -> None:
    ShareLink.objects.filter(pk=link.pk, revoked_at=None).update(revoked_at=timezone.now())


def evidence_set(*, plan: Plan, lever: str, without: Run, with_lever: Run, by: User) -> LeverEvidence:
    """Tie a lever to the two runs that measured it."""
    row, _made = LeverEvidence.objects.update_or_create(
        plan=plan, lever=lever, defaults={"without": without, "with_lever": with_lever, "created_by": by}
    )
    return row
