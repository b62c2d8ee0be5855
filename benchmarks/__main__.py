"""Run every row and growth, or those named, and write docs/performance anew: `python -m benchmarks [train growth ...]`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.frame import report

HERE = Path(__file__).parent
GROWTH = ("training", "memory", "preparation", "pages", "viewers")


def main() -> int:
    rows = sys.argv[1:] or [*sorted(path.stem for path in (HERE / "rows").glob("[a-z]*.py")), "growth"]
    modules = [module for row in rows for module in modules_of(row)]
    failed = [module for module in modules if not ended_well(module)]
    report.main()
    if failed:
        print(f"Did not end well: {', '.join(failed)}.")
    return 1 if failed else 0


def modules_of(row: str) -> list[str]:
    return [f"growth.{name}" for name in GROWTH] if row == "growth" else [f"rows.{row}"]


def ended_well(module: str) -> bool:
    print(f"== {module}", flush=True)
    return subprocess.run([sys.executable, "-m", f"benchmarks.{module}"], check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
