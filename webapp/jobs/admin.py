"""Jobs in the administration: to look at, with the two things that may be done to a job."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from webapp.jobs.errors import JobError
from webapp.jobs.models import Attempt, Job, JobEvent, Lease, QueueControl, TeamLimit, Worker
from webapp.jobs.services import job_cancel, job_retry
from webapp.ui.look_only import LookOnly


@admin.action(description=_("Cancel the chosen jobs"), permissions=["operate"])
def cancel_jobs(model_admin: JobAdmin, request: HttpRequest, queryset: QuerySet[Job]) -> None:
    for job in queryset.active():  # type: ignore[attr-defined]
        job_cancel(job=job, by=request.user)  # type: ignore[arg-type]
    model_admin.message_user(request, _("The chosen jobs that had not ended were asked to cancel."))


@admin.action(description=_("Try the chosen jobs again"), permissions=["operate"])
def retry_jobs(model_admin: JobAdmin, request: HttpRequest, queryset: QuerySet[Job]) -> None:
    for job in queryset:
        try:
            again = job_retry(job=job, by=request.user)  # type: ignore[arg-type]
        except JobError as error:
            model_admin.message_user(request, f"{job.code}: {error}", messages.ERROR)
        else:
            model_admin.message_user(request, _("%(old)s is tried again as %(new)s.") % {"old": job, "new": again.code})


@admin.register(Job)
class JobAdmin(LookOnly):
    list_display = ("code", "title", "kind", "team", "queue", "state", "reason_code", "created_at", "ended_at")
    list_filter = ("state", "kind", "queue", "reason_code")
    search_fields = ("code", "title", "reason", "project__name", "team__name")
    list_select_related = ("team",)
    date_hierarchy = "created_at"
    actions = (cancel_jobs, retry_jobs)

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("jobs.change_job")  # type: ignore[union-attr]


@admin.register(Attempt)
class AttemptAdmin(LookOnly):
    list_display = ("job", "fence", "worker", "device", "started_at", "ended_at", "outcome", "reason_code")
    list_filter = ("outcome", "reason_code", "device")
    search_fields = ("job__code", "worker__name", "reason")
    list_select_related = ("job", "worker")


@admin.register(JobEvent)
class JobEventAdmin(LookOnly):
    list_display = ("job", "seq", "fence", "type", "at")
    list_filter = ("type",)
    search_fields = ("=job__code",)
    list_select_related = ("job",)
    show_full_result_count = False


@admin.register(Lease)
class LeaseAdmin(LookOnly):
    list_display = ("job", "fence", "worker", "until", "renewed_at", "progressed_at")
    list_filter = ("worker",)
    search_fields = ("job__code", "worker__name")
    list_select_related = ("job", "worker")


@admin.register(Worker)
class WorkerAdmin(LookOnly):
    list_display = ("name", "host", "queue", "device", "num_slots", "started_at", "seen_at", "stopped_at")
    list_filter = ("queue", "host")
    search_fields = ("name", "host")


@admin.register(QueueControl)
class QueueControlAdmin(admin.ModelAdmin[QueueControl]):
    list_display = ("queue", "is_paused")
    list_filter = ("is_paused",)
    search_fields = ("queue",)


@admin.register(TeamLimit)
class TeamLimitAdmin(admin.ModelAdmin[TeamLimit]):
    list_display = ("team", "max_running", "max_queued")
    list_filter = ("team",)
    search_fields = ("team__name",)
    list_select_related = ("team",)
