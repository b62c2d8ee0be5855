"""Step time from its parts: products, memory-bound operations, attention, collectives, pipeline, optimizer."""

from economics.throughput.search import best_layout, valid_layouts
from economics.throughput.step import StepTime, step_time
from economics.throughput.workload import Workload

__all__ = ["StepTime", "Workload", "best_layout", "step_time", "valid_layouts"]
