"""What a training's process takes beside the step's tensors: what its latest ones on the machine took."""

from __future__ import annotations

from statistics import median

from webapp.quotes.models import QuoteOutcome

USUAL_BYTES = 4e8
"""Before any training ran here: Python with PyTorch, the data's index, the allocator's slack."""

NUM_LATEST = 12


def process_bytes(machine_id: int | None) -> float:
    """Return the median of peak less reckoned tensors of the machine's latest trainings; the usual where none ran."""
    if machine_id is None:
        return USUAL_BYTES
    rows = QuoteOutcome.objects.filter(
        quote__kind="train", quote__machine_id=machine_id, is_censored=False, peak_memory_bytes__gt=0
    )
    found = []
    for peak, parts in rows.order_by("-ended_at").values_list("peak_memory_bytes", "quote__memory_by_part")[
        :NUM_LATEST
    ]:
        tensors = sum(size for name, size in parts.items() if name != "process")
        if tensors and peak > tensors:
            found.append(peak - tensors)
    return median(found) if found else USUAL_BYTES
