"""`python -m trainer warm`: holds PyTorch in memory and makes a process of itself for each job that a worker orders."""

from __future__ import annotations

import argparse
import os
import socket
from typing import Any


def add_parser(commands: Any) -> None:
    parser = commands.add_parser(
        "warm", help="hold PyTorch in memory for the jobs of a worker, which starts this itself"
    )
    parser.add_argument("seconds", type=float, help="end when nothing was ordered for so long")
    parser.add_argument(
        "room", nargs="?", default="", help="as long as the longest command that is to be shown in its place"
    )
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    from trainer.warm import serve

    serve(socket.socket(fileno=os.dup(0)), idle_seconds=options.seconds)
    return 0
