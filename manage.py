"""Django's commands, and ours: up, login, doctor. The Makefile calls them with the environment's Python."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command that the arguments name."""
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        sys.exit(f"Isocost needs Python 3.11, 3.12 or 3.13; this is {sys.version.split()[0]}. Run `make setup`.")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    try:
        from django.core.management import execute_from_command_line

        from webapp.ops.home import HomeError
    except ImportError as error:
        sys.exit(f"{error}. The environment is not complete: run `make setup`, and start through `make`.")
    try:
        execute_from_command_line(sys.argv)
    except HomeError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
