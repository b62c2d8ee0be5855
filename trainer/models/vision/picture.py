"""One picture at inference: brought to what the model learnt from, and the heat map of where it looked (Grad-CAM).

Source: Selvaraju et al. 2017. For a ViT the patches that the last layer reads take the place of the last convolution's map.
"""

from __future__ import annotations

import torch
from torch import Tensor

from trainer.data.images.decode import BrokenImageError, decode
from trainer.data.images.recipe import CheckStep, ImageRecipe, ResizeStep
from trainer.errors import InputError
from trainer.models.vision.model import Classifier
from trainer.models.vision.vit import ViT

MAX_BYTES = 6 << 20


def to_tensor(data: bytes, *, side: int, num_channels: int, method: str = "crop") -> Tensor:
    """Return a picture (1, C, S, S) from 0 to 1; raise `InputError` for what is none."""
    if len(data) > MAX_BYTES:
        raise InputError(f"the picture has {len(data) / 1e6:.1f} MB; it may have at most {MAX_BYTES / 1e6:.1f}")
    resize = ResizeStep(side=side, method=method, channels="rgb" if num_channels == 3 else "grey")  # type: ignore[arg-type]
    try:
        image = decode(data, ImageRecipe(check=CheckStep(enabled=False), resize=resize))
    except BrokenImageError as error:
        raise InputError(f"the picture cannot be read: {error}") from error
    return torch.from_numpy(image.pixels.copy()).permute(2, 0, 1)[None].float() / 255


def heat_map(model: Classifier, picture: Tensor) -> tuple[list[list[float]], Tensor]:
    """Return where the model looked for its first answer (rows of numbers from 0 to 1), and the logits (classes,)."""
    net = model.answering
    with torch.enable_grad():
        features = net.extract(model.normalised(picture)).detach().requires_grad_()
        logits = net.classify(features)[0]
        (gradient,) = torch.autograd.grad(logits.max(), features)
    if isinstance(net, ViT):
        features, gradient = net.as_map(features), net.as_map(gradient)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    seen = torch.relu((weights * features).sum(dim=1))[0].detach()
    top = float(seen.max())
    return (seen / top if top > 0 else seen).cpu().round(decimals=3).tolist(), logits.detach().float().cpu()
