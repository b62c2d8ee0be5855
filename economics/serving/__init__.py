"""Serving: prefill and decode by roofline, memory, latency under load, and what a token costs."""

from economics.serving.engine import ServingEstimate, ServingPlan, serving_estimate
from economics.serving.formats import KVFormat, WeightFormat
from economics.serving.memory import largest_batch, serving_memory

__all__ = [
    "KVFormat",
    "ServingEstimate",
    "ServingPlan",
    "WeightFormat",
    "largest_batch",
    "serving_estimate",
    "serving_memory",
]
