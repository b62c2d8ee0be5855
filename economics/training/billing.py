"""What is charged for, by term: on demand, reserved, spot, owned.

Wall time is not what is paid. Spot capacity is cheap and is not charged while it is taken away, but the run takes longer. A
reservation is charged whether its devices work, are broken or idle; on demand they can be handed back while they are repaired.
Owned devices cost the same, used or not (`venture.own_rent` compares them with renting).

Units: accelerator-hours, US dollars; storage per GB (10**9 bytes) and month of 730.5 hours. Left out: discounts for volume
(they are the price's), taxes, and people.

A run of 100 hours on 8 devices that loses a tenth of its time to preemptions or repairs:

>>> for term in ("on-demand", "spot", "reserved-1y"):
...     hours = charged_hours(wall_hours=100, num_accelerators=8, term=term, preempted_fraction=0.1, broken_fraction=0.1)
...     print(term, hours)
on-demand 720.0
spot 720.0
reserved-1y 800.0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from economics.errors import InputError

Term = Literal["on-demand", "spot", "reserved-1y", "reserved-3y", "owned"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bill:
    """Cost of a run by part; the total is the sum."""

    compute_usd: float
    storage_usd: float
    egress_usd: float

    @property
    def total_usd(self) -> float:
        """The sum."""
        return self.compute_usd + self.storage_usd + self.egress_usd


def charged_hours(
    *,
    wall_hours: float,
    num_accelerators: int,
    term: Term,
    preempted_fraction: float = 0.0,
    broken_fraction: float = 0.0,
) -> float:
    """Return the accelerator-hours that are charged.

    Spot capacity is not charged while it is taken away; on demand and reserved it is charged while it works and while
    it restarts; reserved and owned devices also while they are broken or idle within the run.

    Parameters
    ----------
    wall_hours : hours of the run, from start to end
    preempted_fraction : share of them without spot capacity
    broken_fraction : share of them in which on-demand devices are handed back for repair

    >>> charged_hours(wall_hours=100, num_accelerators=8, term="spot", preempted_fraction=0.1)
    720.0
    >>> charged_hours(wall_hours=100, num_accelerators=8, term="reserved-1y", broken_fraction=0.05)
    800.0
    """
    if wall_hours < 0:
        raise InputError("wall_hours", wall_hours, "at least 0")
    share = 1.0
    if term == "spot":
        share -= preempted_fraction
    elif term == "on-demand":
        share -= broken_fraction
    return wall_hours * num_accelerators * max(0.0, share)


def run_bill(
    *,
    charged_accelerator_hours: float,
    usd_per_accelerator_hour: float,
    stored_bytes: float = 0.0,
    stored_hours: float = 0.0,
    storage_usd_per_gb_month: float = 0.023,
    egress_bytes: float = 0.0,
    egress_usd_per_gb: float = 0.09,
) -> Bill:
    """Return what a run costs: compute, storage of checkpoints and data, and what leaves the provider.

    >>> run_bill(charged_accelerator_hours=1000, usd_per_accelerator_hour=2.5).total_usd
    2500.0
    """
    months = stored_hours / 730.5
    return Bill(
        compute_usd=charged_accelerator_hours * usd_per_accelerator_hour,
        storage_usd=stored_bytes / 1e9 * months * storage_usd_per_gb_month,
        egress_usd=egress_bytes / 1e9 * egress_usd_per_gb,
    )
