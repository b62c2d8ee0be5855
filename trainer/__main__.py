"""`python -m trainer`: the command line."""

import os

# Threads that wait for each other spin a little, then sleep. By default they spin for milliseconds: on a machine that
# others use too, each spinning thread then keeps off the very thread it waits for. Measured on two cores with one of
# them busy: 12,000 tokens/s with this, 600 to 14,000 without. Set before torch loads its threads; a user's own wins.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

# Large tensors lie on large pages where the system gives them: fewer pages to find, and to fill with zeros first.
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

# Compiled programs outlive a restart of the machine: a second run of the same shape starts at once.
os.environ.setdefault(
    "TORCHINDUCTOR_CACHE_DIR",
    os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "isocost", "compiled"),
)

from trainer.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
