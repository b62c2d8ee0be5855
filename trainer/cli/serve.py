"""`python -m trainer serve`: run models for others over a unix socket. The protocol stands in trainer/inference/serve.py."""

from __future__ import annotations

import argparse
import socket
from pathlib import Path
from typing import Any


def add_parser(commands: Any) -> None:
    parser = commands.add_parser("serve", help="answer requests for generation over a unix socket")
    parser.add_argument("--socket", type=Path, required=True, help="where to listen")
    parser.add_argument("--device", default="auto", help="auto, cpu, mps or cuda")
    parser.add_argument("--memory-bytes", type=int, default=0, help="most memory for models; 0: half of the device's")
    parser.add_argument("--threads", type=int, default=0, help="processor threads; 0: all cores")
    parser.add_argument("--supervised", action="store_true", help="end when standard input closes")
    parser.set_defaults(command=command)


def command(options: argparse.Namespace) -> int:
    from trainer.inference.listening import end_in_order, end_with_supervisor, listening, wait_for_caller

    end_in_order()
    if options.supervised:
        end_with_supervisor()
    with listening(options.socket) as opened:
        if options.device == "auto":  # a device that was named, and may not be here, is looked for at once
            wait_for_caller(opened)
        _answer(opened, options)
    return 0


def _answer(opened: socket.socket, options: argparse.Namespace) -> None:
    """Load torch and answer, the one who is waiting first."""
    import asyncio

    import torch

    from trainer.cores import usable_cores
    from trainer.inference import serve
    from trainer.training.machine import resolve_device

    torch.set_num_threads(options.threads or usable_cores())
    device, _ = resolve_device(options.device)
    limit = options.memory_bytes or serve.default_limit_bytes(device)
    asyncio.run(serve.serve(opened, device=device, limit_bytes=limit))
