"""A page of the table of runs, sorted by a metric: ours is the whole page, HTML and all; the peers give the rows alone."""

from __future__ import annotations

from benchmarks.frame.compare import Child, compare, options

AIM_MS = 100.0


def contender(name: str, module: str, num_runs: int) -> Child:
    is_peer = ".peers." in module
    return Child(name=name, module=module, arguments={"what": "list", "runs": num_runs}, is_peer=is_peer)


def main() -> None:
    chosen = options(__doc__, runs=(10_000, "runs in the table"), few=(1_000, "runs in the table that Aim is given"))
    ours, mlflow, aim = (
        "benchmarks.ours.metrics_out",
        "benchmarks.peers.tracking_mlflow",
        "benchmarks.peers.tracking_aim",
    )
    many = [contender("isocost", ours, chosen.runs)]
    shapes = {
        f"{chosen.runs:,} runs, alone": many,
        f"{chosen.runs:,} runs": [*many, contender("MLflow", mlflow, chosen.runs)],
        f"{chosen.few:,} runs": [contender("isocost", ours, chosen.few), contender("Aim", aim, chosen.few)],
    }
    for words, contenders in shapes.items():
        if chosen.only in words:
            compare(
                "run_list",
                words,
                contenders,
                unit="ms",
                rounds=chosen.rounds,
                target=AIM_MS if len(contenders) == 1 else None,
                is_recorded=not chosen.dry,
            )


if __name__ == "__main__":
    main()
