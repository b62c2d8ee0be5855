"""A bag of words: the smallest family, and proof that nothing else knows what a model is."""
