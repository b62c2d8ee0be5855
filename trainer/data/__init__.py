"""Text in, prepared dataset version out: readers, recipe, steps, tokenizer, shards. Imports without torch."""
