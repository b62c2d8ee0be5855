"""ViT: a picture cut into patches, read by a Transformer. Names of weights as in torchvision."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trainer.models.vision.sizes import VITS


class EncoderLayer(nn.Module):
    def __init__(self, width: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width, eps=1e-6)
        self.self_attention = nn.MultiheadAttention(width, num_heads, dropout=dropout, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.ln_2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(4 * width, width),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        normed = self.ln_1(x)
        attended, _ = self.self_attention(normed, normed, normed, need_weights=False)
        x = x + self.dropout(attended)
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out


class Encoder(nn.Module):
    def __init__(self, num_tokens: int, num_layers: int, num_heads: int, width: int, dropout: float) -> None:
        super().__init__()
        self.pos_embedding = nn.Parameter(torch.empty(1, num_tokens, width).normal_(std=0.02))
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.Sequential()
        for number in range(num_layers):
            self.layers.add_module(f"encoder_layer_{number}", EncoderLayer(width, num_heads, dropout))
        self.ln = nn.LayerNorm(width, eps=1e-6)

    def read(self, x: Tensor) -> Tensor:
        """Return what all layers but the last make of the tokens (B, T, D)."""
        x = self.dropout(x + self.pos_embedding)
        for layer in list(self.layers)[:-1]:
            x = layer(x)
        return x

    def finish(self, x: Tensor) -> Tensor:
        out: Tensor = self.ln(self.layers[-1](x))
        return out


class ViT(nn.Module):
    """Pictures (B, C, S, S) in, logits (B, classes) out."""

    def __init__(
        self, name: str, *, side: int, patch_side: int, num_channels: int, num_classes: int, dropout: float
    ) -> None:
        super().__init__()
        num_layers, num_heads, width = VITS[name]
        self.places = side // patch_side
        self.conv_proj = nn.Conv2d(num_channels, width, patch_side, patch_side)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.encoder = Encoder(self.places**2 + 1, num_layers, num_heads, width, dropout)
        self.heads = nn.Sequential()
        self.heads.add_module("head", nn.Linear(width, num_classes))
        nn.init.trunc_normal_(self.conv_proj.weight, std=(num_channels * patch_side**2) ** -0.5)
        nn.init.zeros_(self.conv_proj.bias)  # type: ignore[arg-type]
        nn.init.normal_(self.get_submodule("heads.head").weight, std=0.01)  # type: ignore[arg-type]

    def extract(self, x: Tensor) -> Tensor:
        """Return what the last layer reads (B, 1 + s * s, D), the class token first: where Grad-CAM looks.

        Not what it says: the classes are told from the class token alone, so that the patches' last states change nothing.
        """
        patches = self.conv_proj(x).flatten(2).transpose(1, 2)  # (B, s * s, D)
        tokens = torch.cat([self.class_token.expand(len(x), -1, -1), patches], dim=1)
        return self.encoder.read(tokens)

    def as_map(self, features: Tensor) -> Tensor:
        """Return the patches (B, D, s, s) of what `extract` returns, or of its gradient."""
        return features[:, 1:].transpose(1, 2).reshape(len(features), -1, self.places, self.places)

    def classify(self, features: Tensor) -> Tensor:
        logits: Tensor = self.heads(self.encoder.finish(features)[:, 0])
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.classify(self.extract(x))
