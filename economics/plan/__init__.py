"""Plans: what to train on what, within which limits, and whether to train at all."""

from economics.plan.choose import Chosen, binding_limits, pareto_front, plan_band, plan_choose
from economics.plan.compare import Comparison, OptionResult, Threshold, options_compare
from economics.plan.hardware import HardwareOffer, SpeedTable
from economics.plan.options import Demand, Option, option_cost
from economics.plan.scan import Limits, Scan, ServingCost, plan_scan

__all__ = [
    "Chosen",
    "Comparison",
    "Demand",
    "HardwareOffer",
    "Limits",
    "Option",
    "OptionResult",
    "Scan",
    "ServingCost",
    "SpeedTable",
    "Threshold",
    "binding_limits",
    "option_cost",
    "options_compare",
    "pareto_front",
    "plan_band",
    "plan_choose",
    "plan_scan",
]
