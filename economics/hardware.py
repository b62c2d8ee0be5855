"""What an accelerator can do: peaks, measured ceilings, memory, links, power."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from economics.assumptions import DEFAULT_CEILING_FRACTION, STEADY_CEILING_FRACTION
from economics.constants import POWER_EXPONENT
from economics.errors import InputError

Number = Literal["fp32", "tf32", "bf16", "fp8", "int8", "fp4"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Accelerator:
    """One accelerator, in SI units. 0 means unknown.

    A measured matmul ceiling, where there is one, bounds what products can reach; peaks only name utilisations.
    """

    name: str
    memory_bytes: float
    memory_bytes_per_second: float
    bf16_flop_per_second: float
    """Dense peak in bf16 (fp16 where there is no bf16): the denominator of MFU."""
    fp32_flop_per_second: float = 0.0
    tf32_flop_per_second: float = 0.0
    fp8_flop_per_second: float = 0.0
    int8_flop_per_second: float = 0.0
    fp4_flop_per_second: float = 0.0
    bf16_ceiling_flop_per_second: float = 0.0
    """The most that large bf16 products measured."""
    fp8_ceiling_flop_per_second: float = 0.0
    link_bytes_per_second: float = 0.0
    """One way, per accelerator, inside a node or pod."""
    network_bytes_per_second: float = 0.0
    """One way, per accelerator, between nodes."""
    num_per_node: int = 8
    rated_watts: float = 0.0
    server_watts: float = 0.0
    """Rated power of the server over its accelerators."""
    vendor: str = ""
    family: str = ""
    kind: Literal["accelerator", "unified", "cpu"] = "accelerator"
    steady_clock: bool = False
    """The peak is named at the clock kept under load (systolic arrays at a fixed clock), not at a boost clock."""
    year: int = 0
    from_memory: bool = False
    source: str = ""
    note: str = ""

    def peak(self, number: Number) -> float:
        """Dense peak in a number format; formats the device lacks run at the next wider one's rate."""
        chain: dict[str, tuple[Number, ...]] = {
            "fp4": ("fp4", "fp8", "bf16"),
            "fp8": ("fp8", "bf16"),
            "int8": ("int8", "bf16"),
            "tf32": ("tf32", "fp32"),
            "fp32": ("fp32",),
            "bf16": ("bf16", "fp32"),
        }
        for step in chain[number]:
            value = float(getattr(self, f"{step}_flop_per_second"))
            if value > 0:
                return value
        return self.bf16_flop_per_second / (16.0 if number == "fp32" else 2.0)

    def ceiling(self, number: Number) -> float:
        """What large products reach in a number format: measured, or the usual fraction of the peak.

        Vendors' vector units (fp32) reach their peaks more nearly than matrix units, so the same fraction is careful.
        """
        if number == "bf16" and self.bf16_ceiling_flop_per_second:
            return self.bf16_ceiling_flop_per_second
        if number == "fp8" and self.fp8_ceiling_flop_per_second:
            return self.fp8_ceiling_flop_per_second
        if number in ("fp8", "int8", "fp4") and self.bf16_flop_per_second:
            ratio = self.peak(number) / self.peak("bf16")
            # doubled formats gain less than their peaks promise; measured: 1.75-1.97 for a factor of 2
            return self.ceiling("bf16") * (1.0 + 0.85 * (ratio - 1.0))
        usual = STEADY_CEILING_FRACTION if self.steady_clock else DEFAULT_CEILING_FRACTION
        return usual.value * self.peak(number)

    @property
    def watts_of_server(self) -> float:
        """Rated power of the server per accelerator; where unknown, 1.8 times the rating (1.75-2.0 is common)."""
        return self.server_watts or 1.8 * self.rated_watts


def variant(
    accelerator: Accelerator,
    *,
    memory_gb: float | None = None,
    memory_bandwidth_gb_per_second: float | None = None,
    power_watts: float | None = None,
    network_bandwidth_gb_per_second: float | None = None,
) -> Accelerator:
    """Return a variant of an accelerator: other memory, other bandwidth, another power limit, another network.

    Under a lower power limit the clock falls: dynamic power grows with the cube of the clock near the rating, less
    where voltage cannot fall further, and matrix units draw most of it; so the ceilings follow
    (watts / rating)^x with x fitted (see `constants.POWER_EXPONENT`). The peak that names the utilisation stays.

    >>> h100 = Accelerator(name="x", memory_bytes=80e9, memory_bytes_per_second=3.35e12, bf16_flop_per_second=989e12,
    ...                    bf16_ceiling_flop_per_second=794.5e12, rated_watts=700)
    >>> variant(h100, power_watts=500).ceiling("bf16") < h100.ceiling("bf16")
    True
    """
    changed = accelerator
    if memory_gb is not None:
        if memory_gb <= 0:
            raise InputError("memory_gb", memory_gb, "above 0")
        changed = replace(changed, memory_bytes=memory_gb * 1e9)
    if memory_bandwidth_gb_per_second is not None:
        if memory_bandwidth_gb_per_second <= 0:
            raise InputError("memory_bandwidth_gb_per_second", memory_bandwidth_gb_per_second, "above 0")
        changed = replace(changed, memory_bytes_per_second=memory_bandwidth_gb_per_second * 1e9)
    if network_bandwidth_gb_per_second is not None:
        if network_bandwidth_gb_per_second <= 0:
            raise InputError("network_bandwidth_gb_per_second", network_bandwidth_gb_per_second, "above 0")
        changed = replace(changed, network_bytes_per_second=network_bandwidth_gb_per_second * 1e9)
    if power_watts is not None:
        if power_watts <= 0:
            raise InputError("power_watts", power_watts, "above 0")
        if changed.rated_watts:
            slowed = min(1.0, (power_watts / changed.rated_watts) ** POWER_EXPONENT.value)
            changed = replace(
                changed,
                bf16_ceiling_flop_per_second=changed.ceiling("bf16") * slowed,
                fp8_ceiling_flop_per_second=changed.ceiling("fp8") * slowed,
                server_watts=changed.watts_of_server - changed.rated_watts + power_watts,
                rated_watts=power_watts,
            )
    return changed


def calibrated(
    *,
    name: str,
    flop_per_second: float,
    memory_bytes: float,
    memory_bytes_per_second: float,
    rated_watts: float = 0.0,
    kind: Literal["accelerator", "unified", "cpu"] = "accelerator",
) -> Accelerator:
    """Return a machine described only by what it measured: product rate, copy rate, memory.

    What a calibration measured is the ceiling; there is no data sheet, so the "peak" that names the utilisation is
    the measured rate too, and utilisation then reads as a share of what the machine has shown it can do.

    >>> calibrated(name="laptop", flop_per_second=2e11, memory_bytes=16e9,
    ...            memory_bytes_per_second=4e10).ceiling("bf16")
    200000000000.0
    """
    return Accelerator(
        name=name,
        memory_bytes=memory_bytes,
        memory_bytes_per_second=memory_bytes_per_second,
        bf16_flop_per_second=flop_per_second,
        fp32_flop_per_second=flop_per_second,
        bf16_ceiling_flop_per_second=flop_per_second,
        fp8_ceiling_flop_per_second=flop_per_second,
        num_per_node=1,
        rated_watts=rated_watts,
        kind=kind,
        source="calibration",
    )
