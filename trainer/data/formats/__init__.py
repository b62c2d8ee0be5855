"""One small module a file format: bytes in, rows or documents out, broken things counted and never fatal by themselves."""
