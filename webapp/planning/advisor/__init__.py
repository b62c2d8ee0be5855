"""The advisor: for a task, data, a budget and what is wanted, at most six ways side by side, each in dollars of regret."""
