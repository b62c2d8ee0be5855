"""The first start: the owner's account and, unless ISOCOST_DEMO=0, the demo project."""

from __future__ import annotations

import logging
import os

from webapp.ops.demo import demo_continue, demo_start
from webapp.teams.models import User
from webapp.teams.services import owner_ensure

log = logging.getLogger(__name__)


def first_start() -> User:
    """Make what a new installation needs and return the owner; on a later start go on with a demo that was cut short."""
    is_new = not User.objects.filter(is_staff=True).exists()
    owner = owner_ensure()
    if os.environ.get("ISOCOST_DEMO", "1") != "0":
        try:
            if is_new:
                demo_start()
            else:
                demo_continue()
        except Exception:  # the installation is worth more than its demo
            log.exception("The demo could not go on; everything else can be used.")
    return owner
