"""Metrics in: points a second into the store, in blocks of 1,000 steps and one by one. Beside it, our trainer's journal."""

from __future__ import annotations

from benchmarks.frame.compare import Child, compare, options

SHAPES = {
    "blocks of 1,000 steps of 1 metric": {"steps": 1_000, "blocks": 10, "keys": 1},
    "blocks of 1,000 steps of 10 metrics": {"steps": 1_000, "blocks": 5, "keys": 10},
    "single points": {"steps": 1, "blocks": 40, "keys": 1},
}


def main() -> None:
    chosen = options(__doc__)
    for words, shape in SHAPES.items():
        if chosen.only not in words:
            continue
        ours = "benchmarks.ours.metrics_in"
        contenders = [
            Child(name="isocost, worker", module=ours, arguments={"path": "worker", **shape}),
            Child(name="isocost, a commit a block", module=ours, arguments={"path": "commits", **shape}),
            Child(name="isocost, journal", module=ours, arguments={"path": "journal", **shape}),
            *(
                Child(name=name, module=f"benchmarks.peers.tracking_{module}", arguments={"what": "in", **shape}, is_peer=True)
                for name, module in (("MLflow", "mlflow"), ("Aim", "aim"), ("trackio", "trackio"))
            ),
        ]  # fmt: skip
        compare(
            "metrics_in",
            words,
            contenders,
            unit="points/s",
            rounds=chosen.rounds,
            target=50.0,
            against=["MLflow"],
            is_recorded=not chosen.dry,
        )


if __name__ == "__main__":
    main()
