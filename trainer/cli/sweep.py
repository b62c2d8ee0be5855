"""`python -m trainer sweep`: the same run with other settings, one after the other, and which did best.

python -m trainer sweep --data prepared/ --preset nano --steps 300 --vary "optimizer.learning_rate=1e-4 .. 1e-2 log"
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trainer.cli.train import add_spec_options, spec_dict
from trainer.families import get_family
from trainer.spec import spec_from_dict, spec_to_dict
from trainer.sweep.space import Setting, SweepRefused, check_space, num_combinations, read_setting

MOST_SHOWN = 10


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("sweep", help="train with several settings and say which did best")
    add_spec_options(parser)
    parser.add_argument(
        "--vary",
        action="append",
        default=[],
        metavar="FIELD=VALUES",
        help='what varies: "optimizer.learning_rate=1e-4 .. 1e-2 log", "model.num_layers=2 .. 6", "optimizer.name=adamw, muon"',
    )
    parser.add_argument(
        "--method",
        choices=["grid", "random", "bayesian"],
        default="random",
        help="bayesian: Optuna's TPE; default: random",
    )
    parser.add_argument("--trials", type=int, default=0, help="most runs; default: 20, or the whole grid")
    parser.add_argument(
        "--hours", type=float, default=0.0, help="begin no run that would end beyond; default: no limit"
    )
    parser.add_argument(
        "--usd", type=float, default=0.0, help="the same in dollars, at --usd-per-hour; default: no limit"
    )
    parser.add_argument("--usd-per-hour", type=float, default=0.0, help="what an hour of this machine costs")
    parser.add_argument(
        "--halving", type=int, default=0, metavar="N", help="at each rung one run in N goes on; default: all"
    )
    parser.add_argument("--sweep-seed", type=int, default=1, help="of what is drawn; the run's own is --set seed=")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the sweep; the same one again goes on with it"
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, mps or cuda")
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    from rich.console import Console

    from trainer.sweep.local import LocalSweep, Trial, run_sweep

    base = spec_to_dict(*spec_from_dict(spec_dict(options)))
    space = read_space(str(base["family"]), options.vary)
    if options.trials < 0 or options.hours < 0 or options.halving not in (0, *range(2, 11)):
        raise SweepRefused("--trials and --hours are at least 0, and --halving is 0 or from 2 to 10")
    sweep = LocalSweep(
        base=base,
        space=space,
        method=options.method,
        max_trials=options.trials or (num_combinations(space) if options.method == "grid" else 20),
        max_seconds=max_seconds(options),
        keep_one_in=options.halving,
        device=options.device,
        seed=options.sweep_seed,
    )
    console = Console(highlight=False)
    metric = get_family(str(base["family"])).main_metric

    def tell(trial: Trial) -> None:
        said = ", ".join(f"{name} {value}" for name, value in trial.values.items())
        result = f"{metric} {trial.value:.4g}" if trial.value is not None else "no result"
        console.print(f"trial {trial.number}: {said}: {result} ({trial.end}, {trial.seconds:.1f} s)", markup=False)

    options.out.mkdir(parents=True, exist_ok=True)
    trials = run_sweep(sweep, options.out, on_trial=tell)
    show_best(console, trials, lower_is_better=get_family(str(base["family"])).lower_is_better, metric=metric)
    show_what_mattered(console, space, trials)
    show_rates(console, trials, base, lower_is_better=get_family(str(base["family"])).lower_is_better)
    console.print(f"table: {options.out / 'sweep.csv'}", markup=False)
    return 0 if any(trial.value is not None for trial in trials) else 1


def max_seconds(options: argparse.Namespace) -> float:
    """Return the budget in seconds: of hours or of dollars, whichever ends first."""
    if options.usd < 0 or options.usd_per_hour < 0 or (options.usd and not options.usd_per_hour):
        raise SweepRefused("--usd is at least 0 and needs --usd-per-hour, what an hour of this machine costs")
    hours = [options.hours] if options.hours else []
    hours += [options.usd / options.usd_per_hour] if options.usd else []
    return min(hours, default=float("inf")) * 3_600


def read_space(family: str, texts: Sequence[str]) -> list[Setting]:
    """Return what varies; raise `SweepRefused` with what is wrong."""
    space = []
    for text in texts:
        name, equals, values = text.partition("=")
        if not equals:
            raise SweepRefused(
                f"--vary {text!r} is not of the form field=values, as in optimizer.learning_rate=1e-4 .. 1e-2 log"
            )
        space.append(read_setting(get_family(family), name, values))
    check_space(family, space)
    return space


def show_best(console: Any, trials: Sequence[Any], *, lower_is_better: bool, metric: str) -> None:
    """Write the best trials as a table."""
    from rich.table import Table

    ranked = sorted(
        (trial for trial in trials if trial.value is not None), key=lambda t: t.value if lower_is_better else -t.value
    )
    if not ranked:
        console.print("No trial has a result.")
        return
    shown = Table("trial", *ranked[0].values, metric, "end", "seconds")
    for trial in ranked[:MOST_SHOWN]:
        values = [str(value) for value in trial.values.values()]
        shown.add_row(str(trial.number), *values, f"{trial.value:.4g}", trial.end, f"{trial.seconds:.1f}")
    console.print(shown)


def show_what_mattered(console: Any, space: Sequence[Setting], trials: Sequence[Any]) -> None:
    """Write how much each setting mattered by itself, and how few runs that rests on."""
    from trainer.sweep.importance import ENOUGH_RUNS_A_SETTING, MIN_RUNS, importances

    landed = [trial for trial in trials if trial.value is not None]
    found = importances(space, [trial.values for trial in landed], [trial.value for trial in landed])
    if not found:
        console.print(f"what mattered: it takes {MIN_RUNS} runs with a result to say, and {len(landed)} have one")
        return
    for each in found:
        share = f"{each.share:.0%} ({each.low:.0%} to {each.high:.0%})"
        console.print(f"{each.name} explains {share} of the differences by itself", markup=False)
    if len(landed) < (wanted := ENOUGH_RUNS_A_SETTING * len(found)):
        console.print(f"{len(landed)} runs are few: with less than {wanted}, an order of settings may turn around")


def show_rates(console: Any, trials: Sequence[Any], base: Mapping[str, Any], *, lower_is_better: bool) -> None:
    """Write the learning rate that was best at each width, and what follows for wider ones."""
    from trainer.sweep.rates import rate_rule, width_of

    whole = [trial for trial in trials if trial.value is not None and trial.end == "finished"]
    rule = rate_rule(
        [trial.values for trial in whole], [trial.value for trial in whole],
        lower_is_better=lower_is_better, fixed_width=width_of(base.get("model") or {}),
    )  # fmt: skip
    if rule is None:
        return
    for best in rule.best:
        edge = ", at the edge of what was tried" if best.at_edge else ""
        console.print(f"best learning rate at width {best.width:g}: {said(best.rate)}{edge}")
    widest = max(best.width for best in rule.best)
    basis = (
        f"measured, width to the power of {said(rule.exponent)}" if rule.is_measured else "borrowed from muP, 1 / width"
    )
    console.print(f"for wider ones, with 80 % intervals ({basis}):")
    for times in (2, 4):
        console.print(f"  {said(rule.rate_at(widest * times))} at {widest * times:g}")


def said(estimate: Any) -> str:
    return f"{estimate.value:.2g} ({estimate.low:.2g} to {estimate.high:.2g})"
