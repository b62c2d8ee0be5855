"""What a simulated venture keeps: running totals while it is worked out, and the monthly figures it ends with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from economics.uncertainty import Distribution

Floats = NDArray[np.float64]
Draw = Callable[[str, Distribution], Floats]
"""Draws of a named input, one for each path."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Simulation:
    """Monthly figures of every path, (months, paths) each, in USD before tax unless the name says otherwise."""

    customers: Floats
    """Paying customers at the end of the month."""

    new_customers: Floats
    """Won in the month."""

    tokens: Floats
    """Served, free tier included."""

    replicas: Floats
    """Rented; 0 where an API serves."""

    revenue: Floats
    """Earned: prepaid credits count when used."""

    bookings: Floats
    """Paid or invoiced: revenue plus what deferred revenue grew by."""

    deferred: Floats
    """Prepaid and not yet used, at the end of the month: a liability."""

    serving_paid: Floats
    """Inference for paying customers: cost of goods."""

    serving_free: Floats
    """Inference of the free tier: sales and marketing."""

    cost_of_goods: Floats
    """Serving of paying customers, support, payment fees, operations staff."""

    training: Floats
    """Spent on training: part of research."""

    research: Floats
    """Training and its people."""

    sales: Floats
    """Acquisition, free tier, sellers."""

    general: Floats
    """The rest."""

    amortised_training: Floats
    """Training spread over its useful months: for the fully loaded margin only."""

    receipts: Floats
    """Cash collected from customers."""

    credits_used: Floats
    """Compute bills paid by cloud credits: saves cash, not cost."""

    payments: Floats
    """Cash paid for all costs, credits deducted."""

    funding: Floats
    """Rounds, (months,) for all paths alike."""

    cash: Floats
    """At the end of the month; may go below zero: the need is what is asked for."""

    alive: NDArray[np.bool_]
    """False from the month in which simulated failure ends a path."""

    opening_cash_usd: float
    """Cash before the first month."""

    @property
    def gross_profit(self) -> Floats:
        """Revenue less cost of goods."""
        return np.asarray(self.revenue - self.cost_of_goods)

    @property
    def operating_profit(self) -> Floats:
        """Before tax and interest."""
        return np.asarray(self.gross_profit - self.research - self.sales - self.general)

    @property
    def operating_cash(self) -> Floats:
        """Receipts less payments: what the venture itself brings in, funding left out."""
        return np.asarray(self.receipts - self.payments)


@dataclass(slots=True, kw_only=True, eq=False)
class Books:
    """Running totals over segments, (months, paths)."""

    customers: Floats
    new_customers: Floats
    tokens_paid: Floats
    tokens_free: Floats
    revenue: Floats
    bookings: Floats
    deferred: Floats
    receipts: Floats
    acquisition: Floats
    serving_paid: Floats
    serving_free: Floats
    replicas: Floats
    training: Floats
    amortised_training: Floats
    departments: dict[str, Floats]

    @classmethod
    def empty(cls, months: int, paths: int) -> Books:
        names = [name for name in cls.__slots__ if name != "departments"]
        departments = {name: np.zeros((months, paths)) for name in ("cost_of_goods", "research", "sales", "general")}
        return cls(**{name: np.zeros((months, paths)) for name in names}, departments=departments)
