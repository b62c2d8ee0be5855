"""The classes of a picture and where the model looked; of a detector, what is in the picture and where."""

from __future__ import annotations

import base64
from typing import Any

from trainer.errors import InputError
from trainer.inference.loading import LoadedModel
from trainer.inference.operations.asking import ModelRequest, Operation


class PictureRequest(ModelRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    image: str = ""
    """The picture's bytes in base64."""


def picture_bytes(request: PictureRequest) -> bytes:
    try:
        return base64.b64decode(request.image, validate=True)
    except ValueError as error:
        raise InputError("the picture is not in base64; send its bytes encoded so") from error


def answer(loaded: LoadedModel, request: PictureRequest) -> dict[str, Any]:
    """Return `labels`, likeliest first, and `heat`, rows of numbers from 0 to 1 for where the model looked; or `boxes`."""
    return loaded.task.answer_image(loaded.model, picture_bytes(request))


OPERATION = Operation(name="predict_image", request=PictureRequest, answer=answer)
