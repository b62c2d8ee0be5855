"""`python manage.py up`: run everything in the foreground; `make run` calls it."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.ops.home import Home, HomeError
from webapp.ops.listening import Address
from webapp.ops.up import Installation


class Command(BaseCommand):
    help = "Start the servers, the web process and the workers; Ctrl-C stops them in order."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            Installation(home=Home.from_environ(), address=Address.from_environ(os.environ), say=say).run()
        except HomeError as error:
            raise CommandError(str(error)) from error


def say(text: str) -> None:
    """Print at once, and go on when nobody listens any more: the terminal may be closed."""
    with contextlib.suppress(OSError):
        print(text, flush=True)
