"""A trainer of a few lines, run as a real process by the supervisor under test: behaves as its last argument says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from trainer.events import Finished, Journal, Message, Started, Stopped


def main(folder: str, behaviour: str) -> None:
    if behaviour == "crash":
        raise RuntimeError("fell over before the first word")
    journal = Journal(Path(folder) / "events.jsonl")
    journal.write(Started(pid=os.getpid(), device="cpu"))
    if behaviour == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
    elif behaviour == "silent":
        time.sleep(60)
    elif behaviour == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif behaviour == "children":
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        journal.write(Message(text=str(child.pid)))
        journal.write(Finished(result={"answer": 42}))
        time.sleep(60)  # a process that has said its last word is not waited for
    elif behaviour == "chatty":
        for number in range(500):
            journal.write(Message(text=str(number)))
            time.sleep(0.002)
        journal.write(Finished())
    elif behaviour == "polite":
        for line in sys.stdin:
            journal.write(Message(text=f"told to {line.strip()}"))
            journal.write(Stopped(step=7, sentence="Saved at step 7."))
            return
        os._exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
