"""Ending a person's sessions and live connections, at once where possible and within a minute in any case."""

from __future__ import annotations

import logging

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db.models import F

from webapp.teams.models import User

logger = logging.getLogger(__name__)


def user_group(user_id: int) -> str:
    """Name of the channel group that every socket of a user joins, to be told to check its access again."""
    return f"user.{user_id}"


def user_sign_out(*, user: User) -> None:
    """End every session of the user and tell their sockets to check access now; each also checks by itself."""
    User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    try:
        async_to_sync(get_channel_layer().group_send)(user_group(user.pk), {"type": "access.check"})
    except (OSError, ConnectionError) as error:
        logger.warning("sockets of user %s not told at once: %s", user.pk, error)
