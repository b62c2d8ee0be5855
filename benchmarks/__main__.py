"""Run every row, or those named, and write docs/performance anew: `python -m benchmarks [train decode ...]`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.frame import report

ROWS = Path(__file__).parent / "rows"


def main() -> int:
    rows = sys.argv[1:] or sorted(path.stem for path in ROWS.glob("[a-z]*.py"))
    failed = []
    for row in rows:
        print(f"== {row}", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.rows.{row}"], check=False).returncode:
            failed.append(row)
    report.main()
    if failed:
        print(f"Did not end well: {', '.join(failed)}.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
