"""The chart of a long metric: milliseconds from the question to the points that are drawn."""

from __future__ import annotations

from benchmarks.frame.compare import Child, compare, options

AIM_MS = 50.0
LONG, SHORT, SHORTER = 10_000_000, 1_000_000, 290_000


def ours(points: int, name: str = "isocost", **more: str) -> Child:
    return Child(name=name, module="benchmarks.ours.metrics_out", arguments={"what": "chart", "points": points, **more})


def mlflow(points: int, how: str, name: str) -> Child:
    arguments = {"what": "chart", "points": points, "how": how}
    return Child(name=name, module="benchmarks.peers.tracking_mlflow", arguments=arguments, is_peer=True)


def main() -> None:
    chosen = options(__doc__, long=(LONG, "points of the longest metric"))
    middle = f"&first={chosen.long // 2}&last={chosen.long // 2 + 300_000}"
    shapes = {
        f"{chosen.long:,} points": [ours(chosen.long)],
        f"{chosen.long:,} points, 300,000 of them": [ours(chosen.long, range=middle)],
        f"{SHORT:,} points": [
            ours(SHORT),
            mlflow(SHORT, "drawn", "MLflow, 320 points"),
            mlflow(SHORT, "all", "MLflow, all"),
        ],
        f"{SHORTER:,} points": [
            ours(SHORTER),
            Child(
                name="Aim",
                module="benchmarks.peers.tracking_aim",
                arguments={"what": "chart", "points": SHORTER},
                is_peer=True,
            ),
        ],
    }
    for words, contenders in shapes.items():
        if chosen.only in words:
            compare(
                "chart",
                words,
                contenders,
                unit="ms",
                rounds=chosen.rounds,
                target=AIM_MS if len(contenders) == 1 else None,
                is_recorded=not chosen.dry,
            )


if __name__ == "__main__":
    main()
