"""Scaling laws: closed forms, fits with honest intervals, predictions, and what to run next."""

from economics.scaling.conventions import Conventions, bits_per_byte
from economics.scaling.data_constrained import DataConstrainedLaw
from economics.scaling.extrapolation import LeaveLargestOut, leave_largest_out
from economics.scaling.fit import law_fit
from economics.scaling.fitted import FittedLaw
from economics.scaling.laws import LossLaw
from economics.scaling.mixes import Band, Mix
from economics.scaling.points import Points, points_read
from economics.scaling.predict import LossPrediction, OptimalBand, optimal_band, predict_loss

__all__ = [
    "Band",
    "Conventions",
    "DataConstrainedLaw",
    "FittedLaw",
    "LeaveLargestOut",
    "LossLaw",
    "LossPrediction",
    "Mix",
    "OptimalBand",
    "Points",
    "bits_per_byte",
    "law_fit",
    "leave_largest_out",
    "optimal_band",
    "points_read",
    "predict_loss",
]
