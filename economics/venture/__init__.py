"""Ventures: customers, prices, cost of goods, people, funding; month by month, on ten thousand paths, before tax."""

from economics.venture.books import Simulation
from economics.venture.costs import OtherCost, Role, Serving, Training
from economics.venture.data_worth import RepeatedDataValue, cheapest_cost_usd, repeated_data_value
from economics.venture.deciles import Decile, margin_by_decile
from economics.venture.finance import Irr, discount_factors, irr, monthly_rate, npv
from economics.venture.inputs import CloudCredits, Discounting, Funding, Venture
from economics.venture.metrics import (
    CustomerValue,
    break_even_month,
    churn_posterior,
    customer_value,
    minimum_raise_usd,
    peak_cash_need_usd,
    runway_months,
    venture_irr,
    venture_npv_usd,
)
from economics.venture.own_rent import OwnVersusRent, own_versus_rent
from economics.venture.ruin import cash_out_month, cash_out_months, central_venture, ruin_probability
from economics.venture.selling import PricePlan, Segment
from economics.venture.simulate import venture_simulate
from economics.venture.staircase import BreakEvenVolume, Staircase, break_even_volume
from economics.venture.strategy import DataValue, Market, data_value, follower_cost

__all__ = [
    "BreakEvenVolume",
    "CloudCredits",
    "CustomerValue",
    "DataValue",
    "Decile",
    "Discounting",
    "Funding",
    "Irr",
    "Market",
    "OtherCost",
    "OwnVersusRent",
    "PricePlan",
    "RepeatedDataValue",
    "Role",
    "Segment",
    "Serving",
    "Simulation",
    "Staircase",
    "Training",
    "Venture",
    "break_even_month",
    "break_even_volume",
    "cash_out_month",
    "cash_out_months",
    "central_venture",
    "cheapest_cost_usd",
    "churn_posterior",
    "customer_value",
    "data_value",
    "discount_factors",
    "follower_cost",
    "irr",
    "margin_by_decile",
    "minimum_raise_usd",
    "monthly_rate",
    "npv",
    "own_versus_rent",
    "peak_cash_need_usd",
    "repeated_data_value",
    "ruin_probability",
    "runway_months",
    "venture_irr",
    "venture_npv_usd",
    "venture_simulate",
]
