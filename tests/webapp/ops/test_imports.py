"""What each process of an installation holds before it does anything: libraries of tens of MB wait until they are used."""

from __future__ import annotations

import subprocess
import sys

LARGE = ("torch", "pyarrow", "scipy.optimize", "scipy.stats", "polars", "plotly", "pandas")
CODE = f"""
import sys
import django
django.setup()
import webapp.celery, webapp.urls
print(*(name for name in {LARGE!r} if name in sys.modules))
"""


def test_a_process_that_has_only_started_holds_no_large_library() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
