"""Shows a job's events in the terminal: a progress bar and a line for what matters; or, for machines, each as JSON."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from trainer import events as e
from trainer.lines import line_of, number


class Display:
    """Use as a context manager; call it with each event."""

    def __init__(self, *, as_json: bool) -> None:
        self.console = Console(stderr=not as_json, highlight=False)
        self.as_json = as_json
        self.bar = Progress(
            TextColumn("{task.fields[phase]}"),
            BarColumn(),
            TextColumn("{task.fields[count]}"),
            TextColumn("{task.fields[numbers]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=self.console,
            disable=as_json,
        )
        self.task = self.bar.add_task("job", total=None, phase="starting", count="", numbers="", left="")

    def __enter__(self) -> Callable[[e.AnyEvent], None]:
        self.bar.start()
        return self.show

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.stop()

    def show(self, event: e.AnyEvent) -> None:
        if self.as_json:
            self.console.file.write(msgspec.json.encode(event).decode() + "\n")
            self.console.file.flush()
        elif isinstance(event, e.Progress):
            self.show_progress(event)
        elif isinstance(event, e.Metrics):
            self.show_numbers(event)
        elif (line := line_of(event)) is not None:
            self.console.print(line, markup=False, soft_wrap=True)

    def show_progress(self, event: e.Progress) -> None:
        total = f" of {event.total:,.0f}" if event.total else ""
        left = f"{event.seconds_left:,.0f} s left" if event.seconds_left else ""
        self.bar.update(
            self.task,
            completed=event.done,
            total=event.total,
            phase=event.phase or event.unit,
            count=f"{event.done:,.0f}{total}",
            left=left,
        )

    def show_numbers(self, event: e.Metrics) -> None:
        if loss := event.values.get("train/loss"):
            self.bar.update(self.task, numbers=f"loss {number(loss[-1])}")
        if "validation/loss" in event.values:
            named = ", ".join(f"{key.split('/')[1]} {number(value[-1])}" for key, value in event.values.items())
            self.console.print(f"step {event.steps[-1]}: validation {named}", markup=False, soft_wrap=True)
