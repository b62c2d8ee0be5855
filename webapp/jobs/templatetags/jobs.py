"""What the partials of a job need, so that any page can include them with a job alone."""

from __future__ import annotations

from django import template

from webapp.jobs import display, kinds, queries, words
from webapp.jobs.models import Job, JobEvent

register = template.Library()


@register.filter
def shown_state(job: Job) -> str:
    return display.shown_state(job)


@register.filter
def state_word(state: str) -> str:
    return display.state_word(state)


@register.filter
def sentence(event: JobEvent) -> str:
    return words.event_sentence(event)


@register.filter
def level(event: JobEvent) -> str:
    return words.event_level(event)


@register.filter
def page_of(job: Job) -> str | None:
    """The page of what the job works on."""
    found = kinds.kinds().get(job.kind)
    return found.url(job) if found else None


@register.simple_tag
def notable_events(job: Job, limit: int = 100) -> list[JobEvent]:
    return queries.notable_events(job, limit=limit)


@register.simple_tag
def latest_attempt(job: Job) -> object:
    return job.attempts.select_related("worker").order_by("-fence").first()
