"""`python manage.py doctor`: what is wrong and what to do; `make doctor` calls it."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from webapp.ops.doctor import examine
from webapp.ops.home import Home


class Command(BaseCommand):
    help = "Say what is wrong with versions, permissions, disk, ports, processes, servers and leases, and what to do."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        num_wrong = 0
        for finding in examine(Home.from_environ()):
            num_wrong += finding.level == "wrong"
            self.stdout.write(f"{finding.level:6}{finding.text}")
        self.stdout.write("Nothing is wrong." if not num_wrong else f"{num_wrong} to put right.")
        if num_wrong:
            sys.exit(1)
