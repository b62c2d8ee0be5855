"""Ours and the peers in one run: `make bench`. A row is a module of `benchmarks/rows`; `frame` is what they share."""
