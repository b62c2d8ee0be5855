"""What a BERT lets one look into: how its label came about, and its vector of a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from trainer.errors import InputError
from trainer.inference.loading import LoadedModel
from trainer.inspect.reading import MAX_TOKENS, Reading, label_number, token_embedding, with_vectors
from trainer.models.bert.task import BertTask, no_grad_vectors


def reading(loaded: LoadedModel, text: str) -> Reading:
    """The answer is a label of the text."""
    task: Any = loaded.task
    model: Any = loaded.model
    if task.model_spec.objective not in ("classify", "multi_label"):
        raise InputError("this model gives no label to a text, so there is no answer to explain; choose a classifier")
    length = min(MAX_TOKENS, task.length)
    tokens = task.special.frame(task.assets.tokenizer.encode(text), length).tolist()
    names, embedding = list(task.objective.names), token_embedding(model)
    kept = {task.special.first, task.special.last}
    return Reading(
        tokens=tokens,
        baseline=[token if token in kept else task.special.mask for token in tokens],
        embedding=embedding,
        logits=lambda ids, points: with_vectors(embedding, points, lambda: model.classify(ids)),
        name=lambda answer: names[answer],
        number=lambda target: label_number(names, target),
        by_itself=task.model_spec.objective == "multi_label",
    )


def vectors(loaded: LoadedModel, texts: Sequence[str]) -> Tensor:
    assert isinstance(loaded.task, BertTask)
    return no_grad_vectors(loaded.task, loaded.model, texts)
