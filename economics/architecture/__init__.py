"""Architectures: what a model is made of, and how many parameters each part has."""

from economics.architecture.base import Architecture, Parameters
from economics.architecture.decoder import Decoder
from economics.architecture.decoder_shape import LatentAttention, Mixture
from economics.architecture.forms import classic_decoder, decoder_of_form, modern_decoder
from economics.architecture.sizing import decoder_of_size

__all__ = [
    "Architecture",
    "Decoder",
    "LatentAttention",
    "Mixture",
    "Parameters",
    "classic_decoder",
    "decoder_of_form",
    "decoder_of_size",
    "modern_decoder",
]
