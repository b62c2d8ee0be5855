"""Preview and trial in a limited child process: what a stranger's file can harm is that process alone.

    python -m trainer.data.child < request.json > answer.json

The request is `{"do": "preview" | "try", "data_kind": "text", "sources": [...], "rows": 100, "recipe": {...},
"num_documents": 1000}`; the answer is the JSON of `Preview` or `TrialResult`, or `{"error": sentence}`. The child limits
itself before it reads the request's files. `preview_in_child` and `try_in_child` start it, and turn an end by force into
a sentence.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from trainer.data.kinds import get_data_kind, load
from trainer.data.limits import ProcessLimits, limit_this_process
from trainer.data.preview import Preview
from trainer.data.sources import SourceSpec
from trainer.data.steps import StepsRecipe
from trainer.data.trial import TrialResult
from trainer.errors import InputError

Answer = TypeVar("Answer", Preview, TrialResult)

_PASSED_ON = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TMPDIR", "HOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
"""Environment of the child: no settings, no secrets of the web app."""


def preview_in_child(
    sources: Sequence[SourceSpec],
    *,
    rows: int = 100,
    data_kind: str = "text",
    timeout_seconds: float = 60,
    limits: ProcessLimits | None = None,
) -> Preview:
    """Return the preview, made in a limited child process; its `error` says what went wrong."""
    request = {"do": "preview", "data_kind": data_kind, "sources": msgspec.to_builtins(list(sources)), "rows": rows}
    return _ask(request, Preview, timeout_seconds, limits)


def try_in_child(
    sources: Sequence[SourceSpec],
    recipe: StepsRecipe,
    *,
    num_documents: int = 1_000,
    data_kind: str = "text",
    timeout_seconds: float = 40,
    limits: ProcessLimits | None = None,
) -> TrialResult:
    """Return what the recipe makes of some documents, found out in a limited child process."""
    request = {
        "do": "try",
        "data_kind": data_kind,
        "sources": msgspec.to_builtins(list(sources)),
        "recipe": recipe.to_dict(),
        "num_documents": num_documents,
    }
    return _ask(request, TrialResult, timeout_seconds, limits)


def _ask(request: dict[str, Any], kind: type[Answer], timeout_seconds: float, limits: ProcessLimits | None) -> Answer:
    request["limits"] = msgspec.to_builtins(limits or ProcessLimits())
    environment: dict[str, str] = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment.update(
        {"RAYON_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "ARROW_NUM_THREADS": "1"}
    )
    environment["PYTHONPATH"] = os.pathsep.join([_ROOT, *filter(None, [environment.get("PYTHONPATH")])])
    with tempfile.TemporaryFile() as problems:
        child = subprocess.Popen(
            [sys.executable, "-m", "trainer.data.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=problems,
            env=environment,
            start_new_session=True,
        )
        try:
            answer, _ = child.communicate(msgspec.json.encode(request), timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            _end(child)
            return kind(error=f"Reading the files took over {timeout_seconds:.0f} s, so it was ended. {_BUSY}")
    if child.returncode == 0:
        try:
            return msgspec.json.decode(answer, type=kind)
        except msgspec.DecodeError:
            return kind(error=f"The files could not be read: the answer was cut short. {_ADVICE}")
    return kind(error=_sentence(child.returncode))


def _sentence(code: int) -> str:
    if code in (-signal.SIGXCPU, 128 + signal.SIGXCPU):
        return f"Reading the files took too much processor time, so it was ended. {_ADVICE}"
    if code in (-signal.SIGKILL, _EXIT_MEMORY, -signal.SIGABRT):
        return f"Reading the files needed more memory than is allowed, so it was ended. {_ADVICE}"
    return f"Reading the files crashed the process that does it (exit code {code}). {_ADVICE}"


def _end(child: subprocess.Popen[bytes]) -> None:
    os.killpg(child.pid, signal.SIGKILL)
    child.communicate()


def main() -> int:
    """Answer one request from standard input on standard output."""
    request = msgspec.json.decode(sys.stdin.buffer.read())
    limit_this_process(msgspec.convert(request.get("limits", {}), ProcessLimits))
    try:
        answer: Any = _answer(request)
    except MemoryError:
        return _EXIT_MEMORY
    except (InputError, msgspec.ValidationError) as error:
        answer = {"error": str(error)}
    sys.stdout.buffer.write(msgspec.json.encode(answer))
    sys.stdout.buffer.flush()
    return 0


def _answer(request: dict[str, Any]) -> Preview | TrialResult:
    sources = msgspec.convert(request["sources"], list[SourceSpec])
    kind = get_data_kind(str(request.get("data_kind", "text")))
    answer: Preview | TrialResult
    if request["do"] == "preview":
        answer = load(kind.preview)(sources, rows=int(request.get("rows", 100)))
    else:
        recipe = kind.recipe_type.from_dict(request.get("recipe", {}))
        answer = load(kind.trial)(sources, recipe, num_documents=int(request.get("num_documents", 1_000)))
    return answer


_BUSY = "The machine may be busy: look again later, check the file, or upload it in smaller parts."
_ADVICE = "Check the file, or upload it in smaller parts."
_EXIT_MEMORY = 71
_ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


if __name__ == "__main__":
    sys.exit(main())
