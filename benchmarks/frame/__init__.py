"""What every benchmark shares: contenders that take turns, the lines they are told in, limits, the table, the check."""
