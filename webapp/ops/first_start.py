"""The first start: the owner's account and, unless ISOCOST_DEMO=0, the demo project."""

from __future__ import annotations

import os

from webapp.ops.demo import demo_start
from webapp.teams.models import User
from webapp.teams.services import owner_ensure


def first_start() -> User:
    """Make what a new installation needs and return the owner; on a later start only the latter."""
    is_new = not User.objects.filter(is_staff=True).exists()
    owner = owner_ensure()
    if is_new and os.environ.get("ISOCOST_DEMO", "1") != "0":
        demo_start()
    return owner
