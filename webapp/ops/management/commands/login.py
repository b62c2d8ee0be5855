"""`python manage.py login [e-mail]`: print a link that signs somebody in once; `make login` calls it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError

from webapp.ops.home import Home
from webapp.ops.running import running_read
from webapp.teams.models import User
from webapp.teams.services import login_link_create, owner_ensure


class Command(BaseCommand):
    help = (
        "Print a login link for the owner, or for the account with this e-mail address. It works once, for 15 minutes."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", nargs="?", help="whose link; the owner's if left out")

    def handle(self, *args: Any, **options: Any) -> None:
        running = running_read(Home.from_environ())
        try:
            path = login_link_create(user=_user(options["email"]))
        except DatabaseError as error:
            raise CommandError(f"The database does not answer. Start Isocost first: `make run`. ({error})") from error
        self.stdout.write(f"{running.url if running else settings.ISOCOST_URL}{path}")


def _user(email: str | None) -> User:
    if email is None:
        return owner_ensure()
    user = User.objects.filter(email__iexact=email, is_active=True).first()
    if user is None:
        raise CommandError(f"No active account has the e-mail address {email}.")
    return user
