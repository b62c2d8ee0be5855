"""The demo project of a first start."""


def demo_start() -> None:
    """Put the demo's jobs into the queue; called once, when the installation has just got its owner."""
