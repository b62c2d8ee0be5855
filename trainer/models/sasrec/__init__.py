"""SASRec: a Transformer that reads what a user took in order, and foretells what comes next."""
