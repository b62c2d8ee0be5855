"""Real files of a dataset, put where uploads put them."""

from __future__ import annotations

import hashlib
import json
import random
from typing import Any

from webapp.datasets.models import Dataset, SourceFile

WORDS = [
    "a",
    "model",
    "reads",
    "text",
    "and",
    "learns",
    "what",
    "comes",
    "next",
    "because",
    "data",
    "cost",
    "time",
    "money",
    "users",
    "ask",
    "for",
    "help",
    "order",
    "refund",
]


def add_file(dataset: Dataset, name: str, content: bytes | str, **options: Any) -> SourceFile:
    """Return a file of the dataset with this content on disk."""
    data = content.encode() if isinstance(content, str) else content
    file = SourceFile(
        dataset=dataset,
        name=name,
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        options=options,
        created_by=dataset.created_by,
    )
    file.stored_path = f"sources/{file.code}"
    file.path.parent.mkdir(parents=True, exist_ok=True)
    file.path.write_bytes(data)
    file.save()
    return file


def prose(num_documents: int, seed: int = 1) -> str:
    """Return JSON Lines of made-up documents, each different."""
    words = random.Random(seed)
    return "".join(
        json.dumps({"id": i, "text": " ".join(words.choice(WORDS) for _ in range(60)) + f" number {i}"}) + "\n"
        for i in range(num_documents)
    )
