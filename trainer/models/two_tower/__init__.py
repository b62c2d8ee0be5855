"""Two towers: one turns a user into a vector, the other an item; their product says how well they go together."""
