"""What the model expects behind each token of a text."""

from __future__ import annotations

from webapp.serving.abilities import Ability
from webapp.serving.requests import PromptAsk

ABILITY = Ability(name="inspect", ask=PromptAsk, fields=lambda ask: {"text": ask.prompt}, input="text", order=30)
