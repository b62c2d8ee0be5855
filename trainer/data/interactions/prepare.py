"""Prepare a version of interactions: tables and recipe in, packed arrays and a report out.

    1  read                                   -> numbers of users, items, times; names once
    2  ratings, copies, bots, too few         -> which stay
    3  divide, number anew, pack each split   -> one file a column

Everything is taken in the order of the files: the same files and recipe give the same content hash on any machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from trainer.amounts import amount
from trainer.data import preparing
from trainer.data.interactions import checks
from trainer.data.interactions.checks import LeftOut
from trainer.data.interactions.features import encode
from trainer.data.interactions.reading import Gathered, Table, gather
from trainer.data.interactions.recipe import InteractionRecipe
from trainer.data.interactions.report import Outcome, Step, build_report
from trainer.data.interactions.split import TRAIN, Division, divide, lies_before
from trainer.data.interactions.store import Item, finish, write_side, write_split
from trainer.data.interactions.times import is_order_only
from trainer.data.manifest import SPLIT_NAMES, VersionManifest
from trainer.data.preparing import Context, Watch
from trainer.data.skipped import SkipCounter
from trainer.data.spec import PrepareSpec, recipe_hash
from trainer.errors import InputError
from trainer.events import AnyEvent, Finished, Progress, Stopped

FEWEST = 10
"""Fewer interactions than this are no data to learn from."""


def run(spec: PrepareSpec, context: Context) -> Finished | Stopped:
    """Do a job of kind `prepare` for interactions."""

    def made(folder: Path, watch: Watch) -> preparing.Outcome:
        manifest, report = prepare(spec, folder, emit=watch.emit, should_stop=watch.should_stop)
        facts = {name: manifest.facts[name] for name in ("num_users", "num_items")}
        return preparing.Outcome(
            manifest=manifest,
            report=report,
            facts=facts,
            sentence=f"Prepared {amount(manifest.num_documents, 'interaction')} of {amount(facts['num_users'], 'user')} "
            f"with {amount(facts['num_items'], 'item')}.",
        )

    return preparing.run_preparation(context, made)


def prepare(
    spec: PrepareSpec,
    folder: Path,
    *,
    emit: Callable[[AnyEvent], object] = lambda event: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> tuple[VersionManifest, dict[str, Any]]:
    """Return the manifest and the report; raise `InputError` with a sentence where there is nothing to learn from."""
    recipe: InteractionRecipe = spec.recipe
    began = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    skips = SkipCounter(recipe.read.max_broken_lines)

    watch = Watch(emit=emit, should_stop=should_stop)

    def on_batch(num_rows: int) -> None:
        watch.check()
        watch.progress("reading", num_rows, unit="interaction")

    found = gather(spec.sources, recipe.read, skips, on_batch=on_batch)
    table, steps = check(found, recipe)
    emit(Progress(done=found.num_rows, unit="interaction", phase="packing"))
    outcome, manifest = pack(spec, folder, found, table, steps, skips)
    report = build_report(spec, outcome, manifest, seconds=time.monotonic() - began)
    (folder / "report.json").write_bytes(msgspec.json.encode(report))
    return manifest, report


def check(found: Gathered, recipe: InteractionRecipe) -> tuple[Table, list[Step]]:
    """Return the interactions that stay, by time, and what each step left out."""
    table = found.table()
    steps = [Step("read", None, len(table))]
    table = table.take(np.argsort(table.times, kind="stable"))
    users, items = list(found.users.numbers), list(found.items.numbers)

    def leave_out(name: str, removed: Any, reasons: list[LeftOut]) -> None:
        nonlocal table
        given, table = len(table), table.take(~removed)
        steps.append(Step(name, given, len(table), reasons))

    def reason(text: str, removed: Any) -> list[LeftOut]:
        if not (count := int(removed.sum())):
            return []
        examples = checks.shown(table, removed, users, items, has_times=found.has_times)
        return [LeftOut(reason=text, count=count, examples=examples)]

    low = checks.low_ratings(table, recipe.check)
    leave_out("ratings", low, reason(f"rating below {recipe.check.min_rating:g}", low))
    if found.has_weights:
        nothing = checks.takes_nothing(table)
        leave_out("weights", nothing, reason("weight of 0 or less", nothing))
    copied = checks.copies(table, recipe.check, has_times=found.has_times)
    leave_out("duplicates", copied, reason("the same user, item and time, or a repeat that is not wanted", copied))
    has_moments = found.has_times and not is_order_only(table.times)
    is_bot, reasons = checks.bots(table, recipe.check, users, has_moments=has_moments)
    leave_out("bots", is_bot[table.users], reasons)
    is_before = lies_before(table, recipe.split, has_times=found.has_times)
    few, reasons = checks.too_few(table, recipe.filter, is_before)
    leave_out("filter", few, reasons)
    if len(table) < FEWEST:
        told = "; ".join(f"{why.reason}: {why.count:,}" for step in steps for why in step.reasons)
        raise InputError(
            f"Only {amount(len(table), 'interaction')} left to learn from" + (f" ({told})." if told else ".")
            + " Allow users and items with fewer interactions, or add data."
        )  # fmt: skip
    return table, steps


def pack(
    spec: PrepareSpec, folder: Path, found: Gathered, table: Table, steps: list[Step], skips: SkipCounter
) -> tuple[Outcome, VersionManifest]:
    """Number users and items anew, divide and write. Items that a table describes stay, though nobody took them yet."""
    recipe: InteractionRecipe = spec.recipe
    kept_users = np.unique(table.users).astype(np.int64)
    table.users = np.searchsorted(kept_users, table.users).astype(np.int32)
    taken = np.unique(table.items)
    described = {number for values in found.items.features.values() for number in values}
    new = np.array(sorted(described - found.taken), np.int64)
    kept_items = np.union1d(taken, new)
    table.items = np.searchsorted(kept_items, table.items).astype(np.int32)
    user_list, item_list = list(found.users.numbers), list(found.items.numbers)
    users = [user_list[i] for i in kept_users]
    items = [(item_list[i], found.titles.get(int(i), "")) for i in kept_items]
    division = divide(table, recipe.split, users, [name for name, _ in items], has_times=found.has_times)
    warnings = forget_late(found, table, division, kept_users, kept_items)
    encoded = {"user": encode(found.users, kept_users), "item": encode(found.items, kept_items)}
    facts = {
        "num_users": len(users),
        "num_items": len(items),
        "has_times": found.has_times,
        "divided_by": division.by,
        **{f"num_{side}_features": len(each.names) for side, each in encoded.items()},
        **{f"num_{side}_feature_entries": sum(map(len, each.bags)) for side, each in encoded.items()},
    }
    splits = {
        name: write_split(
            folder, name, table.take(division.splits == i), num_users=len(users), has_ratings=found.has_ratings
        )
        for i, name in enumerate(SPLIT_NAMES)
    }
    counts = np.bincount(table.items[division.splits == TRAIN], minlength=len(items)).tolist()
    bags = encoded["item"].bags
    lines = [Item(name, title, n, bag) for (name, title), n, bag in zip(items, counts, bags, strict=True)]
    files = [*write_side(folder, "user", users, encoded["user"]), *write_side(folder, "item", lines, encoded["item"])]
    is_hashed = all(source.sha256 for source in spec.sources)
    manifest = finish(
        folder,
        splits=splits,
        files=files,
        facts=facts,
        recipe_hash=recipe_hash(spec.sources, recipe, data_kind="interactions") if is_hashed else "",
    )
    outcome = Outcome(
        found=found, skips=skips, table=table, division=division, users=users, items=items, steps=steps, facts=facts,
        warnings=warnings + encoded["user"].warnings + encoded["item"].warnings,
    )  # fmt: skip
    return outcome, manifest


def forget_late(
    found: Gathered, table: Table, division: Division, kept_users: NDArray[np.int64], kept_items: NDArray[np.int64]
) -> list[str]:
    """Forget what became known of users and items of the training part only after it; say so."""
    warnings = []
    for name, side, kept, numbers in (
        ("user", found.users, kept_users, table.users),
        ("item", found.items, kept_items, table.items),
    ):
        if division.cuts is None or not side.known_since:
            continue
        present, places = np.unique(
            numbers, return_index=True
        )  # by time, so that each one's first place is its first moment
        first = dict(zip(kept[present].tolist(), table.times[places].tolist(), strict=True))
        if count := side.forget_late(first, division.cuts[0]):
            warnings.append(
                f"{count:,} values of {name} features became known only after the training part; "
                "they are left out, since no model could have learnt from them."
            )
    return warnings
