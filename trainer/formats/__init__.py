"""Models in the formats of others: written, run there on the same inputs, and compared, before anyone is handed one."""
