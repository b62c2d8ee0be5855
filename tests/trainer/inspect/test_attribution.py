"""Integrated gradients: they add up, and they point at the words that matter."""

from __future__ import annotations

from pathlib import Path

import pytest

from trainer.errors import InputError
from trainer.inference.loading import load_model
from trainer.inference.operations.attention import attention_map
from trainer.inspect.attribution import explain_text


def test_parts_add_up_for_the_next_token(writer: Path) -> None:
    loaded = load_model(writer, device="cpu")
    found = explain_text(loaded, "salt bread butter 今天", num_steps=256)
    assert abs(found["gap"]) < 0.05 * max(abs(found["change"]), 1)
    assert sum(each["score"] for each in found["tokens"]) == pytest.approx(found["change"] + found["gap"], abs=1e-3)
    assert 0 < found["probability"] <= 1
    asked = explain_text(loaded, "salt bread", target=" storm")
    assert asked["target"].strip().startswith(("s", "st"))


@pytest.mark.parametrize("family", ["bow", "bert"])
def test_the_words_of_a_label_speak_for_it(classifiers: dict[str, Path], family: str) -> None:
    """In a text of both kinds, each half speaks for its own label."""
    loaded = load_model(classifiers[family], device="cpu")
    text = "storm frost cloud rain butter oven spoon knife"
    middle = len(loaded.task.assets.tokenizer.encode("storm frost cloud rain")) + (family == "bert")
    for label, sign in (("weather", 1), ("kitchen", -1)):
        found = explain_text(loaded, text, target=label, num_steps=128)
        assert found["target"] == label
        assert abs(found["gap"]) < 0.05 * max(abs(found["change"]), 1)
        scores = [each["score"] for each in found["tokens"]]
        assert sign * (sum(scores[:middle]) - sum(scores[middle:])) > 0.5


def test_what_cannot_be_explained_is_refused(classifiers: dict[str, Path], writer: Path) -> None:
    bag = load_model(classifiers["bow"], device="cpu")
    with pytest.raises(InputError, match="no label of this model"):
        explain_text(bag, "salt", target="garden")
    with pytest.raises(InputError, match="no text"):
        explain_text(load_model(writer, device="cpu"), "  ")


def test_attention_of_an_encoder_looks_both_ways_and_of_a_writer_back(
    classifiers: dict[str, Path], writer: Path
) -> None:
    both = attention_map(load_model(classifiers["bert"], device="cpu"), "salt bread", layer=0, head=1)
    size = len(both["tokens"])
    assert [len(row) for row in both["weights"]] == [size] * size
    assert both["tokens"][0] == "[·]"
    back = attention_map(load_model(writer, device="cpu"), "salt bread", layer=1, head=0)
    assert [len(row) for row in back["weights"]] == list(range(1, len(back["tokens"]) + 1))
    for found in (both, back):
        assert all(sum(row) == pytest.approx(1, abs=1e-3) for row in found["weights"])
