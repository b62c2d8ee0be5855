"""`python manage.py restore FILE`: put a backup in the place of the database; `make restore FILE=...` calls it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from webapp.ops.home import Home, HomeError
from webapp.ops.restore import database_restore


class Command(BaseCommand):
    help = "Replace the database by a backup. What was there before is backed up first. Isocost must not run."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="a .dump of the home's backups folder")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            before = database_restore(home=Home.from_environ(), place=options["file"])
        except HomeError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Restored. What was there before is in {before}. Start with `make run`.")
