"""Which machine a worker runs on. A new one gets a guess of its price, on view and to be corrected."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from webapp.costs.models import Machine
from webapp.jobs.models import Worker

IDLE_CORE_WATTS, CORE_WATTS, GPU_SERVER_WATTS = 20.0, 12.0, 900.0


def machine_ensure(*, worker: Worker) -> Machine:
    """Return the machine that a worker runs on; a new one gets defaults that a user then corrects."""
    machine, _created = Machine.objects.get_or_create(
        host=worker.host,
        device=device_name(worker),
        defaults={"hardware": worker.hardware or {}, **_defaults(worker)},
    )
    return machine


def device_name(worker: Worker) -> str:
    """Return what the worker's device is called, which with its host names the machine."""
    hardware = worker.hardware or {}
    if worker.queue != "gpu":
        return str(hardware.get("processor") or "cpu")[:80]
    names = {device["device"]: device["name"] for device in hardware.get("devices") or []}
    return str(names.get(worker.device) or worker.device)[:80]


def _defaults(worker: Worker) -> dict[str, Any]:
    """A guess by kind of device: a workstation's price, or that of a GPU with its share of a server."""
    if worker.queue == "gpu":
        return {"purchase_usd": Decimal(35_000), "power_watts": GPU_SERVER_WATTS}
    num_cores = int((worker.hardware or {}).get("num_cores") or 4)
    return {"purchase_usd": Decimal(500 + 125 * num_cores), "power_watts": IDLE_CORE_WATTS + CORE_WATTS * num_cores}
