"""How long collectives take on the links that join a group of devices.

In a ring of n devices each hands on 1/n of the bytes n - 1 times: gathering (or reducing and scattering) S bytes takes
(n-1)/n S/B, an all-reduce both, nearly 2 S/B whatever n. B is the slowest link on the way round, one way, less what protocols
take. In an all-to-all every device sends each other one a part of its own, and what leaves a node leaves by its own adapter.

Units: bytes, bytes/s one way per device, seconds. Left out: other traffic on the same network, and routes that libraries choose
by topology.

Source: Thakur et al. 2005, "Optimization of collective communication operations in MPICH".

Reducing the gradients of 8 B parameters (fp32) within a node, and over 64 devices on eight nodes:

>>> from economics.catalogue.accelerators import find_accelerator
>>> h100 = find_accelerator("h100")
>>> [round(1000 * all_reduce_seconds(ring_of(h100, size=n), 32e9)) for n in (8, 64)]
[156, 197]
"""

from __future__ import annotations

from dataclasses import dataclass

from economics.assumptions import COLLECTIVE_FRACTION, LINK_LATENCY_SECONDS, NETWORK_LATENCY_SECONDS
from economics.hardware import Accelerator


@dataclass(frozen=True, kw_only=True, slots=True)
class Ring:
    """A group of devices as a ring: how many, and the slowest bandwidth and latency on the way round."""

    size: int
    bytes_per_second: float
    latency_seconds: float


_PCIE = 16e9
_DEFAULT_NETWORK = 12.5e9


def ring_of(accelerator: Accelerator, *, size: int, stride: int = 1) -> Ring:
    """Return the ring of a group whose members are `stride` devices apart.

    Members in one node (or pod) meet over its links. Across nodes the ring crosses each node's border once, over
    the network adapters of all members there together: r members in a node have r times one adapter's bandwidth, but
    never more than a link. Unknown links count as PCIe (16 GB/s), unknown networks as 100 Gb/s per device.

    >>> from economics.catalogue.accelerators import find_accelerator
    >>> h100 = find_accelerator("h100")
    >>> inside, across = ring_of(h100, size=8), ring_of(h100, size=16)
    >>> inside.bytes_per_second > across.bytes_per_second or inside.latency_seconds < across.latency_seconds
    True
    """
    per_node = max(1, accelerator.num_per_node)
    link = (accelerator.link_bytes_per_second or _PCIE) * COLLECTIVE_FRACTION.value
    if size <= 1:
        return Ring(size=1, bytes_per_second=link, latency_seconds=0.0)
    if size * stride <= per_node:
        return Ring(size=size, bytes_per_second=link, latency_seconds=LINK_LATENCY_SECONDS.value)
    members = max(1, per_node // stride)
    network = (accelerator.network_bytes_per_second or _DEFAULT_NETWORK) * COLLECTIVE_FRACTION.value
    bandwidth = min(link, network * members) if members > 1 else network
    # latency is paid on hops between nodes; those within are hidden behind them
    hops = max(1.0, size / members) / size
    latency = NETWORK_LATENCY_SECONDS.value * hops + LINK_LATENCY_SECONDS.value * (1 - hops)
    return Ring(size=size, bytes_per_second=bandwidth, latency_seconds=latency)


def all_gather_seconds(ring: Ring, num_bytes: float) -> float:
    """Return the time to gather (or reduce and scatter) `num_bytes` in all: (n-1)/n S/B + latency.

    The latency of large groups grows with their logarithm (libraries switch to trees).

    >>> all_gather_seconds(Ring(size=1, bytes_per_second=1e9, latency_seconds=1e-5), 1e9)
    0.0
    >>> all_gather_seconds(Ring(size=4, bytes_per_second=1e9, latency_seconds=0.0), 1e9)
    0.75
    """
    n = ring.size
    if n <= 1:
        return 0.0
    return (n - 1) / n * num_bytes / ring.bytes_per_second + ring.latency_seconds * min(n - 1, 2 * n.bit_length())


def all_reduce_seconds(ring: Ring, num_bytes: float) -> float:
    """Return the time of an all-reduce: a reduce-scatter and an all-gather.

    >>> all_reduce_seconds(Ring(size=4, bytes_per_second=1e9, latency_seconds=0.0), 1e9)
    1.5
    """
    return 2.0 * all_gather_seconds(ring, num_bytes)


def all_to_all_seconds(
    accelerator: Accelerator, num_bytes: float, *, size: int, stride: int = 1, most_leaving: float = 1.0
) -> float:
    """Return the time in which every member of a group sends `num_bytes`, each part to its owner.

    Unlike a ring, which crosses the border of a node once, each device sends what other nodes own through its own
    network adapter; what stays in the node goes over its links at the same time. The slower of the two counts.

    Parameters
    ----------
    most_leaving : what leaves the node is at most this share of the bytes (group-limited routing sends one copy to a node)

    >>> from economics.catalogue.accelerators import find_accelerator
    >>> h100 = find_accelerator("h100")
    >>> inside, across = (all_to_all_seconds(h100, 1e9, size=n) for n in (8, 16))
    >>> 5 < across / inside < 6           # half of the bytes at 50 GB/s, not seven eighths at 450
    True
    """
    if size <= 1:
        return 0.0
    members = min(size, max(1, max(1, accelerator.num_per_node) // stride))
    link = (accelerator.link_bytes_per_second or _PCIE) * COLLECTIVE_FRACTION.value
    inside = (members - 1) / size * num_bytes / link
    latency = LINK_LATENCY_SECONDS.value * min(size - 1, 2 * size.bit_length())
    if members == size:
        return inside + latency
    network = min(link, (accelerator.network_bytes_per_second or _DEFAULT_NETWORK) * COLLECTIVE_FRACTION.value)
    outside = min(most_leaving, (size - members) / size) * num_bytes / network
    return max(inside, outside) + latency + NETWORK_LATENCY_SECONDS.value
