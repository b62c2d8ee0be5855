"""The card of a version: parts that people write, kept with it, and parts that are generated from the records each time.

A card is a list of sections; a section is a text or rows of label and value. card_markdown and the page's template write
the same sections down, so that both say the same figures.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from trainer.families import families
from webapp.registry.lineage import CostToMake, cost_to_make
from webapp.registry.models import Inspection, ModelVersion, Result
from webapp.runs.reports import report_notes
from webapp.runs.unit_words import in_order, measure_words, plural, unit_of_family
from webapp.ui.templatetags.figures import count, energy, exact, figure, grams, percent, usd
from webapp.ui.templatetags.figures import seconds as duration

EDITABLE = {
    "intended_use": gettext_lazy("Intended use"),
    "out_of_scope": gettext_lazy("Not meant for"),
    "limits": gettext_lazy("Limits and risks"),
    "notes": gettext_lazy("Notes"),
}
HELP = {
    "intended_use": gettext_lazy("Who is to use it for what."),
    "out_of_scope": gettext_lazy("Uses that somebody may think of and that it must not be put to."),
    "limits": gettext_lazy("What it gets wrong, for whom, and what follows from that."),
    "notes": gettext_lazy("Anything else: contact, citation, changes since the last version."),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    label: str
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A part of a card. `text` is a person's; `rows` and `sentences` are generated."""

    name: str
    title: str
    is_generated: bool
    text: str = ""
    rows: list[Row] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)


def card_of(version: ModelVersion) -> list[Section]:
    """Return the card's sections, in order."""
    cost = cost_to_make(version)
    results = list(version.results.select_related("dataset_version__dataset", "suite"))
    return [
        _written(version, "intended_use"),
        _written(version, "out_of_scope"),
        Section(name="model", title=_("Model"), is_generated=True, rows=_model_rows(version)),
        Section(name="data", title=_("Data"), is_generated=True, rows=_data_rows(version)),
        Section(
            name="metrics",
            title=_("Metrics"),
            is_generated=True,
            rows=_metric_rows(results),
            sentences=[] if results else [_("It has not been measured yet.")],
        ),
        Section(name="cost", title=_("Cost to make"), is_generated=True, rows=_cost_rows(cost)),
        Section(name="energy", title=_("Energy"), is_generated=True, rows=_energy_rows(cost)),
        Section(name="known_limits", title=_("What the records say of its limits"), is_generated=True,
                sentences=_limits(version, results)),
        _written(version, "limits"),
        _written(version, "notes"),
    ]  # fmt: skip


def _written(version: ModelVersion, name: str) -> Section:
    return Section(name=name, title=str(EDITABLE[name]), is_generated=False, text=version.card.get(name, ""))


def _rows(*pairs: tuple[str, Any]) -> list[Row]:
    return [Row(label=label, value=str(value)) for label, value in pairs if value not in (None, "", "–")]


def _model_rows(version: ModelVersion) -> list[Row]:
    run, lineage = version.run, version.lineage
    family = families().get(run.family)
    code, machine = lineage.get("code") or {}, lineage.get("machine") or {}
    return _rows(
        (_("Version"), version),
        (_("Stage"), version.get_stage_display()),
        (_("Licence"), version.licence or _("not stated")),
        (_("Family"), family.title if family else run.family),
        (_("Parameters"), exact(lineage.get("num_parameters"))),
        (_("Run"), f"{run.name}, {_('step')} {exact(version.checkpoint.step)}"),
        (_("Seed"), lineage.get("seed")),
        (_("Code"), ", ".join(f"{name} {value}" for name, value in sorted(code.items()))),
        (_("Machine"), ", ".join(str(machine[k]) for k in ("processor", "device", "dtype") if machine.get(k))),
        (_("Weights"), f"sha256 {version.sha256}"),
    )


def _data_rows(version: ModelVersion) -> list[Row]:
    data = version.run.dataset_version
    train = data.splits.get("train") or {}
    run = version.run
    units, available = plural(unit_of_family(run.family)), data.num_units("train")
    seen = version.checkpoint.step * run.tokens_per_step if run.tokens_per_step else None
    return _rows(
        (_("Prepared version"), data),
        (_("Content"), f"sha256 {data.content_hash}" if data.content_hash else ""),
        (_("Documents to learn from"), exact(train.get("documents"))),
        (_("%(units)s to learn from") % {"units": units.capitalize()}, exact(available) if train.get("tokens") else ""),
        (
            _("%(units)s seen") % {"units": units.capitalize()},
            f"{count(seen)}{_epochs(seen, available)}" if seen else "",
        ),
        (_("Vocabulary"), exact(data.vocab_size)),
    )


def _epochs(seen: int, available: int | None) -> str:
    return f" ({figure(seen / available, 3)} {_('epochs')})" if available else ""


def _metric_rows(results: list[Result]) -> list[Row]:
    rows = []
    for result in results:
        place = f"{result.dataset_version}, {result.split}"
        for name, value in in_order(result.metrics):
            if not name.startswith("num_") and isinstance(value, int | float):
                rows.append(Row(label=f"{measure_words(name)} · {place}", value=figure(value)))
    return rows


PART_NAMES: dict[str, Callable[[], str]] = {
    "data": lambda: _("Preparing the data"),
    "training": lambda: _("Training"),
    "parents": lambda: _("Training what it began from"),
    "evaluation": lambda: _("Evaluation"),
}


def _cost_rows(cost: CostToMake) -> list[Row]:
    rows = [
        Row(label=f"{PART_NAMES[part.name]()} ({part.subject})", value=usd(part.spend.effective_usd))
        for part in cost.parts
        if part.spend.num_attempts
    ]
    total = cost.total
    return [
        *rows,
        *_rows(
            (_("In all"), usd(total.effective_usd)),
            (_("Of it cash"), usd(total.billed_usd)),
            (_("Of it in failed attempts"), usd(total.wasted_usd)),
            (_("Device time"), duration(total.seconds)),
        ),
    ]


def _energy_rows(cost: CostToMake) -> list[Row]:
    total = cost.total
    how = _("measured") if total.all_measured else _("estimated from the machine's power")
    return _rows((_("Energy"), f"{energy(total.energy_kwh)} ({how})"), (_("CO₂e"), grams(total.co2e_kg)))


def _limits(version: ModelVersion, results: list[Result]) -> list[str]:
    """Return what the records tell without anybody's judgement."""
    found = report_notes(version.run)
    context = version.run.facts.get("context_length")
    if context:
        found.append(_("It reads at most %(n)s tokens at once; what comes before is cut.") % {"n": exact(context)})
    if not any(result.split == "test" for result in results):
        found.append(_("No test split was read with these weights: how well it does on unseen text is not known."))
    hashes = {result.content_hash for result in results}
    if hashes and hashes == {version.run.dataset_version.content_hash}:
        found.append(_("It was measured only on data from the same source as it learned from."))
    checks = list(Inspection.objects.filter(version=version).exclude(report={}).order_by("-created_at"))
    found += _check_sentences(checks)
    if not any(check.what == Inspection.What.CONTAMINATION for check in checks):
        found.append(_("Nobody has checked yet whether the data it was measured on is also in what it learned from."))
    return found


def _check_sentences(checks: list[Inspection]) -> list[str]:
    """Return the newest contamination check and the newest overlap, each as a sentence."""
    found = []
    contamination = next((c.report for c in checks if c.what == Inspection.What.CONTAMINATION), None)
    if contamination:
        found.append(
            _(
                "%(share)s of the %(n)s documents it was measured on (%(split)s) share long passages with its training data."
            )
            % {
                "share": percent(contamination.get("flagged_fraction"), 1),
                "n": exact(contamination.get("num_documents")),
                "split": contamination.get("split", ""),
            }
        )
    overlap = next((c.report for c in checks if c.what == Inspection.What.OVERLAP), None)
    if overlap:
        found.append(
            _(
                "%(share)s of the tokens it wrote stand word for word in its training data; of unseen text it is %(held)s."
            )
            % {"share": percent(overlap.get("rate"), 1), "held": percent(overlap.get("held_out_rate"), 1)}
        )
    return found


def card_markdown(version: ModelVersion) -> str:
    """Return the card as Markdown."""
    lines = [f"# {version}", ""]
    for section in card_of(version):
        if not (section.text or section.rows or section.sentences):
            continue
        lines += [f"## {section.title}", ""]
        if section.text:
            lines += [section.text, ""]
        if section.rows:
            lines += ["| | |", "|---|---|"]
            lines += [f"| {_cell(row.label)} | {_cell(row.value)} |" for row in section.rows]
            lines.append("")
        if section.sentences:
            lines += [*(f"- {sentence}" for sentence in section.sentences), ""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ")
