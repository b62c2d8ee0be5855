"""One row of each model that a route can name, for the access census."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from django.db.models import Model

from tests.factories import Cast, make_checkpoint, make_dataset, make_ended_job, make_run, make_version
from tests.webapp.jobs.rows import make_job
from tests.webapp.ladders.rows import make_fit, make_ladder, make_seal
from tests.webapp.sweeps.rows import make_sweep
from webapp.budgets.models import Budget
from webapp.catalogue.models import Contract, OwnHardware
from webapp.costs.models import Invoice, InvoiceUpload
from webapp.datasets.models import Dataset, DatasetVersion, SourceFile, Upload
from webapp.jobs.models import Job
from webapp.ladders.models import Ladder, ScalingFit, SealedPrediction
from webapp.planning.models import Plan, ShareLink
from webapp.projects.models import Project
from webapp.registry.models import Ablation, EvaluationSuite, Export, Inspection, ModelVersion
from webapp.runs.models import Checkpoint, Run
from webapp.sweeps.models import Sweep
from webapp.teams.models import Invitation, Role, Team

_MAKERS: dict[type[Model], Callable[[Cast], Any]] = {}


def maker(model: type[Model]) -> Callable[[Callable[[Cast], Any]], Callable[[Cast], Any]]:
    """Register how a row of `model` is made for the census."""

    def register(make: Callable[[Cast], Any]) -> Callable[[Cast], Any]:
        _MAKERS[model] = make
        return make

    return register


def row_of(model: type[Model], cast: Cast) -> Any:
    """Return a row of `model` that belongs to the cast's team; a model without a maker fails the census."""
    return _MAKERS[model](cast)


@maker(Team)
def _team(cast: Cast) -> Team:
    return cast.team


@maker(Project)
def _project(cast: Cast) -> Project:
    return cast.project


@maker(Invitation)
def _invitation(cast: Cast) -> Invitation:
    from webapp.teams.services import invitation_create

    return invitation_create(team=cast.team, role=Role.MEMBER, created_by=cast.alice)[0]


@maker(Job)
def _job(cast: Cast) -> Job:
    return make_job(cast.project, created_by=cast.bob)


@maker(Dataset)
def _dataset(cast: Cast) -> Dataset:
    return make_dataset(cast)


@maker(DatasetVersion)
def _version(cast: Cast) -> DatasetVersion:
    return make_version(cast)


@maker(SourceFile)
def _source_file(cast: Cast) -> SourceFile:
    return SourceFile.objects.create(
        dataset=make_dataset(cast), name="a.txt", size_bytes=1, sha256="0" * 64, stored_path="sources/nowhere"
    )


@maker(Upload)
def _upload(cast: Cast) -> Upload:
    return Upload.objects.create(dataset=make_dataset(cast), name="a.txt", size_bytes=10, created_by=cast.bob)


@maker(Run)
def _run(cast: Cast) -> Run:
    return make_run(cast)


@maker(Checkpoint)
def _checkpoint(cast: Cast) -> Checkpoint:
    return make_checkpoint(cast)


@maker(ModelVersion)
def _model_version(cast: Cast) -> ModelVersion:
    checkpoint = make_checkpoint(cast)
    return ModelVersion.objects.create(
        project=cast.project, name="helper", number=1, checkpoint=checkpoint, sha256=checkpoint.sha256
    )


@maker(EvaluationSuite)
def _suite(cast: Cast) -> EvaluationSuite:
    return EvaluationSuite.objects.create(
        project=cast.project, name="held out", dataset_version=make_version(cast), splits=["test"]
    )


@maker(Ablation)
def _ablation(cast: Cast) -> Ablation:
    ablation = Ablation.objects.create(project=cast.project, title="label smoothing", changes={"optimizer.beta1": 0.8})
    ablation.pairs.create(seed=1, before=make_run(cast), after=make_run(cast))
    return ablation


@maker(Inspection)
def _inspection(cast: Cast) -> Inspection:
    return Inspection.objects.create(
        version=_model_version(cast), what="overlap", job=make_ended_job(cast, kind="inspect")
    )


@maker(Export)
def _export(cast: Cast) -> Export:
    return Export.objects.create(
        version=_model_version(cast), format="onnx", weights="float32", job=make_ended_job(cast, kind="export")
    )


@maker(Ladder)
def _ladder(cast: Cast) -> Ladder:
    return make_ladder(cast)


@maker(Sweep)
def _sweep(cast: Cast) -> Sweep:
    return make_sweep(cast)


@maker(ScalingFit)
def _fit(cast: Cast) -> ScalingFit:
    return make_fit(cast)


@maker(SealedPrediction)
def _seal(cast: Cast) -> SealedPrediction:
    return make_seal(cast)


@maker(InvoiceUpload)
def _invoice_upload(cast: Cast) -> InvoiceUpload:
    return InvoiceUpload.objects.create(team=cast.team, file_name="bill.csv", text="BilledCost\n1\n")


@maker(Invoice)
def _invoice(cast: Cast) -> Invoice:
    day = date(2026, 11, 1)
    return Invoice.objects.create(
        team=cast.team, provider="Elsewhere", file_name="bill.csv", currency="USD", usd_per_currency=1, first_day=day,
        last_day=day,
    )  # fmt: skip


@maker(OwnHardware)
def _hardware(cast: Cast) -> OwnHardware:
    return OwnHardware.objects.create(team=cast.team, name="Rack", purchase_usd=1_000, watts=300)


@maker(Contract)
def _contract(cast: Cast) -> Contract:
    return Contract.objects.create(team=cast.team, provider="Somebody", starts_on=date(2026, 1, 1))


@maker(Budget)
def _budget(cast: Cast) -> Budget:
    return Budget.objects.create(team=cast.team, amount=10, created_by=cast.alice)


def _plan_version(cast: Cast) -> Any:
    from tests.webapp.planning.plans import make_plan

    return make_plan(cast).versions.get()


@maker(Plan)
def _plan(cast: Cast) -> Plan:
    plan: Plan = _plan_version(cast).plan
    return plan


@maker(ShareLink)
def _share_link(cast: Cast) -> ShareLink:
    from webapp.planning.services import share_create

    return share_create(version=_plan_version(cast), created_by=cast.bob)[0]
