"""Models in memory: those asked for least lately leave when it gets tight."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from trainer.inference.loading import LoadedModel, load_model


class ModelStore:
    """Loads checkpoints and keeps as many as fit into `limit_bytes`; the one in use always stays. Used by one thread."""

    def __init__(self, *, limit_bytes: int, device: str) -> None:
        self.limit_bytes, self.device = limit_bytes, device
        self._models: OrderedDict[str, LoadedModel] = OrderedDict()

    def get(self, checkpoint: str, sha256: str = "") -> LoadedModel:
        """Return the model of a checkpoint, from memory if it is there."""
        loaded = self._models.pop(checkpoint, None)
        if loaded is None or not is_meant(loaded, sha256):
            loaded = load_model(Path(checkpoint), sha256=sha256, device=self.device, open_other=self.get)
        self._models[checkpoint] = loaded  # at the end: the one asked for last
        while self.size_bytes > self.limit_bytes and len(self._models) > 1:
            self._models.popitem(last=False)
        return loaded

    def unload(self, checkpoint: str | None = None) -> int:
        """Let go of one model, or of all; return how many left."""
        leaving = [name for name in self._models if checkpoint in (None, name)]
        for name in leaving:
            del self._models[name]
        return len(leaving)

    @property
    def size_bytes(self) -> int:
        return sum(loaded.size_bytes for loaded in self._models.values())

    @property
    def checkpoints(self) -> list[str]:
        return list(self._models)


def is_meant(loaded: LoadedModel, sha256: str) -> bool:
    """Say whether this is the checkpoint with that hash; without a hash any is."""
    return not sha256 or (loaded.stored is not None and loaded.stored.sha256 == sha256)
