"""How many devices a run gets: by hand, or chosen by its quote. One, two, four and so on are compared: does the run fit, and
which is fastest for the money.

On the queue `gpu` devices are those of one host, each billed. On a processor they are processes that share its cores and
its one price; there a second one has to be worth its own start.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from economics.uncertainty import Interval
from trainer.parallel.plan import divides
from trainer.spec import TrainSpec
from webapp.datasets.models import DatasetVersion
from webapp.jobs.devices import num_devices_at_most
from webapp.jobs.models import Queue
from webapp.quotes.devices import Device, likely_worker, queue_of_device
from webapp.quotes.figures import QuoteFigures
from webapp.quotes.services import quote_on
from webapp.runs.step_models import num_processes, spread_over
from webapp.runs.work import train_work
from webapp.teams.models import Team

MOST_PROCESSES = 16
"""On a processor: more than its cores only wait for one another."""

DEARER_AT_MOST = 1.25
"""What the fastest may cost, over the cheapest: beyond that, time is bought too dear."""

FASTER_AT_LEAST = {Queue.GPU: 1.1, Queue.CPU: 1.25}
"""What more devices must gain over fewer to be chosen: less is within what a quote can tell, most of all of processes that
share a processor, whose exchange nobody measured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spread:
    """A run on so many devices."""

    num_devices: int
    spec: TrainSpec
    quote: QuoteFigures
    is_chosen: bool = False

    @property
    def seconds(self) -> Interval | None:
        return self.quote.seconds

    @property
    def usd(self) -> Interval | None:
        return self.quote.usd

    @property
    def memory_bytes(self) -> float | None:
        """On each device; on a processor, of all processes together."""
        return sum(self.quote.memory_by_part.values()) or None

    @property
    def fits(self) -> bool:
        return self.quote.fits is not False

    @property
    def is_divided(self) -> bool:
        """Each device holds a part of the model."""
        return self.num_devices > 1 and self.spec.parallel.strategy == "fsdp"


def spreads(spec: TrainSpec, version: DatasetVersion, device: Device, team: Team) -> list[Spread]:
    """Return the run on each number of devices that this installation has and a step divides among, and on the number set
    by hand; one of those chosen."""
    by_hand = num_processes(spec)
    numbers = _numbers({*_doubled(most_devices(spec.machine.device)), by_hand}, spec.batch.sequences_per_step)
    found = [_spread(spec, n, version, device, team) for n in numbers]
    chosen = _chosen(found, FASTER_AT_LEAST[queue_of_device(spec.machine.device)])
    return [replace(each, is_chosen=each is chosen) for each in found]


def settled(spec: TrainSpec, version: DatasetVersion, device: Device, team: Team) -> TrainSpec:
    """Return the run with its number of processes decided: what was set by hand stays."""
    if spec.parallel.processes != "auto" or most_devices(spec.machine.device) == 1:
        return spec
    return next(each.spec for each in spreads(spec, version, device, team) if each.is_chosen)


def num_claimed(spec: TrainSpec) -> int:
    """Return how many devices a job of the run claims: processes of a processor share one."""
    is_wide = queue_of_device(spec.machine.device) == Queue.GPU and spec.parallel.processes != "auto"
    return int(spec.parallel.processes) if is_wide else 1


def most_devices(device: str) -> int:
    """Return how many devices a run can have here at once: of a host's workers, or the threads of its processor."""
    queue = queue_of_device(device)
    if queue == Queue.GPU:
        return num_devices_at_most()
    worker = likely_worker(queue)
    return min(int((worker.hardware if worker else {}).get("num_threads") or 1), MOST_PROCESSES)


def _doubled(most: int) -> list[int]:
    """1, 2, 4 ... and the most."""
    return [*(2**n for n in range(most.bit_length())), most]


def _numbers(wanted: Iterable[int], num_examples: int) -> list[int]:
    """Return those among which the examples of a step divide."""
    return sorted(n for n in wanted if divides(n, num_examples))


def _spread(spec: TrainSpec, number: int, version: DatasetVersion, device: Device, team: Team) -> Spread:
    """Return the run on so many devices; in parts, where a whole model does not fit and nothing else was asked for."""
    wide = spread_over(spec, number)
    found = Spread(
        num_devices=number,
        spec=wide,
        quote=quote_on(train_work(wide, version, device), device, team=team, kind="train"),
    )
    if found.fits or number == 1 or spec.parallel.strategy != "auto":
        return found
    divided = replace(spec, parallel=replace(spec.parallel, strategy="fsdp"))
    return _spread(divided, number, version, device, team)


def _chosen(found: Iterable[Spread], faster_at_least: float) -> Spread:
    """Return the fastest of those that fit and do not cost much more than the cheapest; the fewest where time is unknown."""
    every = list(found)
    fitting = [each for each in every if each.fits] or every[-1:]
    known = [each for each in fitting if each.seconds is not None]
    best = fitting[0]
    if not known:
        return best
    cheapest = min((each.usd.p50 for each in known if each.usd is not None), default=0.0)
    for each in known:
        affordable = each.usd is None or each.usd.p50 <= DEARER_AT_MOST * cheapest
        if affordable and best.seconds and each.seconds and faster_at_least * each.seconds.p50 < best.seconds.p50:
            best = each
    return best
