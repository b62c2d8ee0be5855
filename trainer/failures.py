"""How a job's end is explained: every exception becomes a reason code and a sentence that says what to do."""

from __future__ import annotations

import errno
import traceback

from trainer.errors import TrainerError
from trainer.events import Failed

NUM_DETAIL_LINES = 50
OUT_OF_MEMORY_ADVICE = (
    "Set a smaller batch.micro_batch (the result stays the same), turn on machine.activation_checkpointing, "
    "or choose a smaller model or sequence length."
)
DISK_FULL_ADVICE = "Free some space on that disk (old checkpoints are the largest files), then resume."


def failed_event(error: BaseException, *, step: int | None = None) -> Failed:
    """Return the last event of an attempt that ended with `error`."""
    code, sentence = explain(error)
    step = getattr(error, "step", step)
    details = last_traceback_lines(error) if code in ("crash", "out_of_memory", "disk_full") else ""
    return Failed(code=code, sentence=sentence, step=step, details=details)


def explain(error: BaseException) -> tuple[str, str]:
    """Return the reason code and the sentence of an exception."""
    if isinstance(error, TrainerError):
        return error.code, str(error)
    if is_out_of_memory(error):
        first_line = str(error).strip().split("\n")[0][:300] or "no memory left"
        return "out_of_memory", f"There was not enough memory ({first_line}). {OUT_OF_MEMORY_ADVICE}"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        where = f" while writing {error.filename}" if error.filename else ""
        return "disk_full", f"The disk is full{where}. {DISK_FULL_ADVICE}"
    if "No space left on device" in str(error):  # safetensors wraps the operating system's error
        return "disk_full", f"The disk is full. {DISK_FULL_ADVICE}"
    return "crash", f"The job crashed: {type(error).__name__}: {str(error).strip()[:500]}. The log has the details."


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether the machine or the accelerator ran out of memory. Told by name: torch need not be imported here."""
    if isinstance(error, MemoryError) or any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__):
        return True
    text = str(error)
    return isinstance(error, RuntimeError) and any(
        phrase in text
        for phrase in ("can't allocate memory", "out of memory", "not enough memory", "STATUS_ALLOC_FAILED")
    )


def last_traceback_lines(error: BaseException) -> str:
    """Return the end of the traceback, which is where the cause stands."""
    lines = "".join(traceback.format_exception(error)).rstrip().split("\n")
    return "\n".join(lines[-NUM_DETAIL_LINES:])
