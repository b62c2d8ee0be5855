"""How good answers are: measures of labels with their intervals, and the report of an evaluation. NumPy alone, no torch."""
