"""Why something cannot be done to a kept model. The message is a sentence for people."""


class RegistryError(Exception):
    """What was wrong, and what to do."""
