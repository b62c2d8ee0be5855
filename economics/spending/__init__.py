"""What was spent, looked ahead and divided by what it bought.

`month_end` carries a month's spending forward to its end, `frontier` finds the runs that nothing beats at their cost,
and `marginal_cost` says what one more point of quality costs there. Both answers are intervals.
"""

from economics.spending.forecast import MonthEnd, month_end
from economics.spending.frontier import Bought, MarginalCost, frontier, marginal_cost

__all__ = ["Bought", "MarginalCost", "MonthEnd", "frontier", "marginal_cost", "month_end"]
