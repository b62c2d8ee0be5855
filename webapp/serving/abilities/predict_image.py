"""The classes of a picture, and where the model looked."""

from __future__ import annotations

from webapp.serving.abilities import Ability
from webapp.serving.abilities.predict import kept
from webapp.serving.requests import PictureAsk

ABILITY = Ability(
    name="predict_image", ask=PictureAsk, fields=lambda ask: {"image": ask.image}, kept=kept, input="image", order=10
)
