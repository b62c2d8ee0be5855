"""The encoder-decoder Transformer of 2017: reads one text and writes another."""
