"""Memory per device: what training and serving hold, by part, and three totals that are never mixed.

`allocated_peak` is the bytes of live tensors, `reserved_peak` what a caching allocator holds for them (what most
training logs print), `device_total` also the driver's context and communication buffers: it decides what fits.
"""

from economics.memory.activations import SavedTensor, layer_saved_tensors
from economics.memory.fitting import largest_micro_batch, ways_to_fit
from economics.memory.states import Optimizer, Precision
from economics.memory.training import TrainingMemory, training_memory

__all__ = [
    "Optimizer",
    "Precision",
    "SavedTensor",
    "TrainingMemory",
    "largest_micro_batch",
    "layer_saved_tensors",
    "training_memory",
    "ways_to_fit",
]
