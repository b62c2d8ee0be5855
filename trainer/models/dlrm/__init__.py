"""A DLRM-like ranker: looked-up vectors of a user and an item meet in products of every pair, and a network weighs them."""
