"""How attempts share devices that are paid for: at no moment more of them than there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Devices held from a moment to another."""

    start: datetime
    end: datetime
    num_devices: int

    def within(self, first: datetime, last: datetime) -> Span:
        """Return the part of it that lies in a term; empty where it ends before it starts."""
        return Span(start=max(self.start, first), end=min(self.end, last), num_devices=self.num_devices)


def hours_left_for(span: Span, others: Sequence[Span], *, num_devices: int) -> float:
    """Return the device-hours that a span gets of so many devices, once the others have theirs."""
    return sum(hours * min(span.num_devices, max(0, num_devices - taken)) for hours, taken in _pieces(span, others))


def hours_used(spans: Sequence[Span], *, num_devices: int) -> float:
    """Return the device-hours that all spans together take of so many devices."""
    if not spans:
        return 0.0
    whole = Span(start=min(s.start for s in spans), end=max(s.end for s in spans), num_devices=0)
    return sum(hours * min(num_devices, taken) for hours, taken in _pieces(whole, spans))


def _pieces(span: Span, others: Sequence[Span]) -> Iterator[tuple[float, int]]:
    """Yield (hours, devices that the others hold) of each piece of the span in which nobody comes or goes."""
    edges = {span.start, span.end, *(moment for other in others for moment in (other.start, other.end))}
    within = sorted(moment for moment in edges if span.start <= moment <= span.end)
    for begin, end in pairwise(within):
        taken = sum(other.num_devices for other in others if other.start <= begin and other.end >= end)
        yield (end - begin).total_seconds() / 3600, taken
