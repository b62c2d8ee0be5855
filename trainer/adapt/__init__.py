"""Transfer: starting from what was learnt before, and changing only a part of it."""
