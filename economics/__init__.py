"""Compute cost, memory, throughput, scaling laws and the business case. Pure functions; no Django, no torch."""
