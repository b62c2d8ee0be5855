"""Events in words, one sentence each, for the event list of a job's or a run's page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from webapp.jobs.models import JobEvent
from webapp.ui.templatetags.figures import exact, figure, size

Payload = dict[str, Any]


def event_sentence(event: JobEvent) -> str:
    """Return what an event says, for a person."""
    say = _SENTENCES.get(event.type)
    return say(event.payload) if say else event.type.replace("_", " ")


def event_level(event: JobEvent) -> str:
    """Return `bad`, `warn`, `good` or nothing: how an event is coloured."""
    if event.type == "failed" or event.payload.get("outcome") in ("failed", "died"):
        return "bad"
    if event.type in ("requeued", "stop_requested") or event.payload.get("level") == "warning":
        return "warn"
    if event.type == "ended" and event.payload.get("outcome") == "succeeded":
        return "good"
    return ""


def _queued(payload: Payload) -> str:
    who = payload.get("by")
    return _("Put in the queue by %(who)s.") % {"who": who} if who else _("Put in the queue.")


def _claimed(payload: Payload) -> str:
    return _("Taken by %(worker)s (%(device)s).") % {
        "worker": payload.get("worker", ""),
        "device": payload.get("device", ""),
    }


def _stop_requested(payload: Payload) -> str:
    cancel = payload.get("request") == "cancel"
    who = payload.get("by") or _("somebody")
    if cancel:
        return _("%(who)s asked to cancel.") % {"who": who}
    return _("%(who)s asked to stop and save.") % {"who": who}


def _ended(payload: Payload) -> str:
    words = {
        "succeeded": _("Done."),
        "stopped": _("Stopped."),
        "failed": _("Failed."),
        "cancelled": _("Cancelled."),
        "died": _("Given up."),
    }
    return f"{words.get(str(payload.get('outcome')), '')} {payload.get('sentence', '')}".strip()


def _started(payload: Payload) -> str:
    step = payload.get("resumed_from_step")
    if step is None:
        return _("Started on %(device)s.") % {"device": payload.get("device", "")}
    return _("Went on at step %(step)s on %(device)s.") % {"step": exact(step), "device": payload.get("device", "")}


def _checkpoint(payload: Payload) -> str:
    facts = {"step": exact(payload.get("step")), "size": size(payload.get("size_bytes"))}
    if payload.get("is_best"):
        return _("Checkpoint at step %(step)s, %(size)s: the best so far.") % facts
    return _("Checkpoint at step %(step)s, %(size)s.") % facts


def _evaluation(payload: Payload) -> str:
    loss = (payload.get("metrics") or {}).get("loss")
    return _("Measured on the %(split)s split at step %(step)s: loss %(loss)s.") % {
        "split": payload.get("split", ""),
        "step": exact(payload.get("step")),
        "loss": figure(loss),
    }


def _artifact(payload: Payload) -> str:
    return _("Made %(name)s, %(size)s.") % {"name": payload.get("name", ""), "size": size(payload.get("size_bytes"))}


def _sentence(payload: Payload) -> str:
    return str(payload.get("sentence") or payload.get("text") or "")


def _said_finished(payload: Payload) -> str:
    return _sentence(payload) or _("The work is done.")


_SENTENCES: dict[str, Callable[[Payload], str]] = {
    "queued": _queued,
    "claimed": _claimed,
    "stop_requested": _stop_requested,
    "released": _sentence,
    "requeued": _sentence,
    "ended": _ended,
    "started": _started,
    "checkpoint": _checkpoint,
    "evaluation": _evaluation,
    "artifact": _artifact,
    "message": _sentence,
    "finished": _said_finished,
    "stopped": _sentence,
    "failed": _sentence,
}
