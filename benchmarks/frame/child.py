"""The side of a contender that runs in a process of its own, in whichever environment: standard library alone.

A contender's module calls `serve(prepare)`. `prepare(arguments)` sets up and returns a function that does one round and
returns a value, or a value and a dictionary of facts. Whatever libraries print goes to stderr.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

Round = Callable[[], Any]


def serve(prepare: Callable[[dict[str, Any]], Round]) -> None:
    """Set up, say so, and do a round for each line read, until the other side closes."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    began = time.perf_counter()
    one_round = prepare(json.loads(sys.argv[1]) if len(sys.argv) > 1 else {})
    tell(answers, {"setup_seconds": time.perf_counter() - began})
    for _ in sys.stdin:
        found = one_round()
        value, facts = found if isinstance(found, tuple) else (found, {})
        tell(answers, {"value": value, **facts})


def tell(answers: Any, message: dict[str, Any]) -> None:
    print(json.dumps(message), file=answers, flush=True)
