"""BERT: an encoder that reads a text in both directions; for labels, entities and embeddings."""
