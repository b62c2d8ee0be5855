"""Prints gpuhunt's catalogue of today as JSON, one offer a line: run as a program of its own, since it waits for a network
without a limit and keeps threads. It ends with 3 where the optional package is not installed, and with 1 and a sentence on
the error stream where nothing could be fetched. Imports nothing of ours.
"""

import json
import sys

COLUMNS = (
    "provider", "instance_name", "location", "price", "cpu", "memory", "gpu_count", "gpu_name", "gpu_memory", "spot",
)  # fmt: skip
NOT_INSTALLED = 3


def main() -> int:
    try:
        import gpuhunt
    except ImportError:
        return NOT_INSTALLED
    try:
        catalogue = gpuhunt.Catalog(auto_reload=False)
        catalogue.load()
        found = catalogue.query(min_gpu_count=1)
    except Exception as error:  # whatever the network, its server or a package of another age brings
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    for item in found:
        sys.stdout.write(json.dumps({name: getattr(item, name, None) for name in COLUMNS}) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
