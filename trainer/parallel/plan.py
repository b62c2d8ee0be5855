"""How many processes share the steps of a run here, and why. A step's sequences must divide among them."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.cores import usable_cores
from trainer.errors import SpecError
from trainer.spec import TrainSpec


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    processes: int
    reason: str = ""
    """A sentence; empty where there was nothing to choose."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Devices:
    """What processes can be put on here."""

    kind: str
    count: int

    @property
    def words(self) -> str:
        names = {"cpu": "processor cores", "cuda": "CUDA devices", "mps": "graphics processor"}
        return f"{self.count} {names[self.kind] if self.count != 1 else names[self.kind].removesuffix('s')}"


def plan_processes(spec: TrainSpec, *, attempt_device: str = "auto", num_devices: int = 0) -> Plan:
    """Return how many processes to start; raise `SpecError` where the number wanted cannot be had.

    Parameters
    ----------
    num_devices : that were claimed for this attempt of a run that asked for several; 0: none were, the spec alone counts
    """
    wanted = spec.parallel.processes
    if num_devices:
        return _of_claimed(num_devices, spec.batch.sequences_per_step)
    if wanted == 1:
        return Plan(processes=1)
    here = devices_here(attempt_device if attempt_device != "auto" else spec.machine.device)
    if wanted == "auto":
        return _chosen(here, spec.batch.sequences_per_step)
    if wanted > here.count:
        raise SpecError(
            f"parallel.processes is {wanted}, and this machine has {here.words}; make it at most {here.count}"
        )
    require_divisible(wanted, spec.batch.sequences_per_step)
    return Plan(processes=wanted, reason="chosen in the spec")


def devices_here(device: str) -> Devices:
    """Return the devices that a run on `device` may spread over: all of the kind, or the one that is named."""
    if device == "cpu":
        return Devices(kind="cpu", count=usable_cores())
    import torch  # only where it has to be asked: a launcher of processes on a processor needs none

    if device.startswith("cuda") or (device == "auto" and torch.cuda.is_available()):
        return Devices(kind="cuda", count=1 if ":" in device else torch.cuda.device_count())
    if device == "mps" or torch.backends.mps.is_available():
        return Devices(kind="mps", count=1)
    return Devices(kind="cpu", count=usable_cores())


def require_divisible(processes: int, sequences: int) -> None:
    """Raise `SpecError`, with the numbers that would do, where a step cannot be shared evenly."""
    if not divides(processes, sequences):
        below, above = sequences // processes * processes, (sequences // processes + 1) * processes
        near = f"{below} or {above}" if below else str(above)
        raise SpecError(
            f"batch.sequences_per_step ({sequences}) does not divide among {processes} processes (parallel.processes); "
            f"make it {near}"
        )


def divides(processes: int, sequences: int) -> bool:
    """Say whether each process gets as many of a step's sequences."""
    return sequences % processes == 0


def fewer(processes: int, sequences: int) -> int:
    """Return the next smaller number of processes among which a step divides."""
    return next(n for n in range(processes - 1, 0, -1) if divides(n, sequences))


def _of_claimed(num_devices: int, sequences: int) -> Plan:
    """Return one process a device, or the most below that among which a step divides: a device that was lost since the
    run was made is done without."""
    found = fewer(num_devices + 1, sequences)
    claimed = (
        f"{num_devices} devices were claimed for this attempt" if num_devices > 1 else "one device was left for it"
    )
    reason = (
        claimed if found == num_devices else f"{claimed}, and the {sequences} sequences of a step divide among {found}"
    )
    return Plan(processes=found, reason=reason)


def _chosen(here: Devices, sequences: int) -> Plan:
    if here.kind != "cuda":
        return Plan(processes=1)
    if here.count < 2:
        return Plan(processes=1)
    found = here.count if sequences % here.count == 0 else fewer(here.count, sequences)
    if found == here.count:
        return Plan(processes=found, reason=f"one for each of {here.words}")
    return Plan(
        processes=found,
        reason=f"{here.words} are here, and the {sequences} sequences of a step divide evenly among {found} at most",
    )
