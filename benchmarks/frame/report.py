"""The table and the plots of docs/performance, from the recorded lines: `python -m benchmarks.frame.report`."""

from __future__ import annotations

from html import escape

from benchmarks.frame.check import FALL
from benchmarks.frame.contenders import ROOT
from benchmarks.frame.growth import growth_page
from benchmarks.frame.lines import Line, ratio_of, read_all, runs_of

FOLDER = ROOT / "docs" / "performance"
HEAD = """# How fast it is

Made by `make bench` from the lines in `lines/`; do not edit by hand. Every row is one run on one machine: ours and the
peers took turns on the same shapes and data, each in a process of its own. The value is the median over the rounds, the
spread half the distance of the quartiles, the limit what the machine did at best in the same run. A row marked \\* was
measured while other processes took over a tenth of the machine: its ratio holds better than its values.
"""
WIDTH, LEFT, RIGHT, BAR, GAP = 720, 210, 110, 18, 6
OURS, PEERS, INK = "#1d5bd8", "#9aa3ad", "#59636e"


def main() -> None:
    newest = [runs[-1] for runs in runs_of(read_all()).values()]
    benches: dict[str, list[list[Line]]] = {}
    for run in newest:
        benches.setdefault(run[0].bench, []).append(run)
    parts = [HEAD]
    for bench, runs in sorted(benches.items()):
        (FOLDER / f"{bench}.svg").write_text(plot(bench, runs), encoding="utf-8")
        parts += [f"## {title(bench)}\n", f"![{title(bench)}]({bench}.svg)\n", *(table(run) for run in runs)]
    parts.append(growth_page(FOLDER / "growth"))
    (FOLDER / "README.md").write_text("\n".join(parts), encoding="utf-8")
    print(f"Written: {FOLDER / 'README.md'} and {len(benches)} plots.")


def title(bench: str) -> str:
    return bench.replace("_", " ").capitalize()


def ordered(run: list[Line]) -> list[Line]:
    """Return the lines with the best first."""
    return sorted(run, key=lambda line: line.value, reverse=run[0].is_higher_better)


def table(run: list[Line]) -> str:
    """Return the Markdown table of one shape."""
    first = run[0]
    limit = next((line for line in run if line.limit), None)
    rows = [f"**{first.shape}** ({first.run[:10]}, {first.machine}, commit {first.commit})\n"]
    if limit and limit.limit_value:
        rows.append(f"Limit: {limit.limit}, {figure(limit.limit_value)}/s measured.\n")
    rows.append(f"| contender | {first.unit} | spread | of the limit | CPU of others | ours against the best peer |")
    rows.append("| --- | ---: | ---: | ---: | ---: | --- |")
    rows += [f"| {' | '.join(cells(run, line))} |" for line in ordered(run)]
    return "\n".join(rows) + "\n"


def cells(run: list[Line], line: Line) -> list[str]:
    noisy = " \\*" if line.cpu_share_of_others > FALL else ""
    name = line.contender if line.is_peer else f"**{line.contender}**"
    fraction = f"{100 * line.fraction_of_limit:.0f} %" if line.fraction_of_limit is not None else ""
    others = f"{100 * line.cpu_share_of_others:.0f} %"
    return [name + noisy, figure(line.value), figure(line.spread), fraction, others, verdict(run, line)]


def verdict(run: list[Line], line: Line) -> str:
    """Return the ratio to the best peer and what it is to reach; the target alone in a bench without peers."""
    if line.is_peer:
        return ""
    ratio = ratio_of(run, line)
    if ratio is None:
        return f"to reach: {figure(line.target)} {line.unit}" if line.target is not None else ""
    wanted = f" (to reach: {line.target:g})" if line.target is not None else ""
    return f"{ratio.value:.2f} × {ratio.peer.contender}{wanted}"


def figure(value: float | None) -> str:
    """Return a number as people write it."""
    if value is None:
        return ""
    for size, prefix in ((1e12, " T"), (1e9, " G")):
        if abs(value) >= size:
            return f"{value / size:.3g}{prefix}"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def plot(bench: str, runs: list[list[Line]]) -> str:
    """Return bars of each shape, the best first, ours in colour."""
    parts, y = [], 26
    for run in runs:
        parts.append(f'<text x="8" y="{y}" font-weight="600">{escape(run[0].shape)}, {escape(run[0].unit)}</text>')
        y += 10
        longest = max(line.value for line in run) or 1.0
        for line in ordered(run):
            length = (WIDTH - LEFT - RIGHT) * line.value / longest
            colour = PEERS if line.is_peer else OURS
            parts += [
                f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end">{escape(line.contender)}</text>',
                f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2" fill="{colour}"/>',
                f'<text x="{LEFT + length + 6:.1f}" y="{y + 13}">{figure(line.value)}</text>',
            ]
            y += BAR + GAP
        y += 26
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" role="img" aria-label="{escape(title(bench))}"'
        f' font-family="system-ui, sans-serif" font-size="12" fill="{INK}">'
    )
    return "\n".join([head, *parts, "</svg>", ""])


if __name__ == "__main__":
    main()
