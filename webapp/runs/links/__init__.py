"""One module a family, named after it, whose `LINK` says what economics makes of the family's settings."""
