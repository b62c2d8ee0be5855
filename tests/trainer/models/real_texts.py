"""Real texts that lie on every machine that runs the tests, each with a label and the group that it must not be cut from.

English: pieces of the standard library's source; the label is the package, the group the file.
Chinese: what Django and allauth say in Chinese; the label is the app, the group the message, in both scripts.
"""

from __future__ import annotations

import gettext
import random
import sysconfig
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer.data.bpe import train_bpe
from trainer.data.shard_writer import VersionWriter
from trainer.data.tokenizer import Tokenizer

PACKAGES = ("asyncio", "email", "idlelib", "xml", "distutils", "tkinter", "encodings", "unittest", "importlib")
LINES, PIECES_A_PACKAGE = 12, 300
"""Few enough lines that an encoder of 128 tokens sees all that the word counts see."""

SPLITS = ("train", "train", "train", "validation", "test")


@dataclass(frozen=True, slots=True)
class Text:
    text: str
    label: str
    group: str


def standard_library() -> list[Text]:
    """Return pieces of 12 lines with the package that they come from."""
    library, found = Path(sysconfig.get_paths()["stdlib"]), []
    for package in PACKAGES:
        of_package = []
        for path in sorted((library / package).rglob("*.py")):
            inside = path.relative_to(library).as_posix()
            if "test" in inside.removeprefix("unittest"):
                continue
            lines = path.read_text(encoding="utf-8", errors="ignore").splitlines()
            pieces = ("\n".join(lines[i : i + LINES]) for i in range(0, len(lines), LINES))
            of_package += [Text(piece, package, inside) for piece in pieces if len(piece) > 150]
        found += of_package[:: max(1, len(of_package) // PIECES_A_PACKAGE)]
    return found


def few_of(texts: list[Text], *, count: int) -> list[Text]:
    """Return the texts with at most `count` of each label to learn from; those to measure on stay all."""
    train = [text for text in texts if split_of(text.group) == "train"]
    random.Random(1).shuffle(train)
    taken: Counter[str] = Counter()
    kept = []
    for text in train:
        taken[text.label] += 1
        kept += [text] if taken[text.label] <= count else []
    return kept + [text for text in texts if split_of(text.group) != "train"]


def unlabelled_library() -> list[Text]:
    """Return the whole library as files to read, but for those that the labelled pieces are tested on."""
    library, found = Path(sysconfig.get_paths()["stdlib"]), []
    for path in sorted(library.rglob("*.py")):
        inside = path.relative_to(library).as_posix()
        is_tested = inside.split("/")[0] in PACKAGES and split_of(inside) == "test"
        if "site-packages" not in inside and not inside.startswith("test/") and not is_tested:
            found.append(Text(path.read_text(encoding="utf-8", errors="ignore"), "", inside))
    return found


def chinese_messages() -> list[Text]:
    """Return messages in Chinese with the app that says them."""
    import allauth
    import django

    core, contrib = Path(django.__file__).parent / "conf", Path(django.__file__).parent / "contrib"
    places = {
        "core": core,
        "admin": contrib / "admin",
        "auth": contrib / "auth",
        "allauth": Path(allauth.__file__).parent,
    }
    found = []
    for label, place in places.items():
        for script in ("zh_Hans", "zh_Hant"):
            with open(place / "locale" / script / "LC_MESSAGES" / "django.mo", "rb") as file:
                catalog = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
            for key, text in sorted(catalog.items(), key=str):
                message = key if isinstance(key, str) else key[0]
                if message and isinstance(text, str) and text.strip() and not text.isascii():
                    found.append(Text(text.strip(), label, message))
    return found


def split_of(group: str) -> str:
    """Return the split of a group: the same for all its texts."""
    import zlib

    return SPLITS[zlib.crc32(group.encode()) % len(SPLITS)]


def write_real(folder: Path, texts: list[Text], *, vocab_size: int = 0, tokenizer: Tokenizer | None = None) -> Path:
    """Write the texts as a prepared version, split by group; without a tokenizer one is learnt from the training split."""
    names = sorted({text.label for text in texts})
    read = [text.text for text in texts if split_of(text.group) == "train"]
    tokenizer = tokenizer or train_bpe(read, vocab_size=vocab_size)
    writer = VersionWriter(folder, tokenizer)
    for number, text in enumerate(texts):
        tokens = np.array([*tokenizer.encode(text.text), tokenizer.end_of_text_id], dtype=np.uint16)
        labels, origin = np.array([names.index(text.label)], dtype=np.int32), np.array([[0, number + 1]])
        split = writer.splits[split_of(text.group)]
        split.append(tokens, np.array([len(tokens)]), labels, origin, len(text.text.encode()))
    writer.finish(sources=["texts"], label_names=names)
    return folder


def baselines(texts: list[Text], *, analyzer: str = "word", ngrams: tuple[int, int] = (1, 1)) -> dict[str, float]:
    """Return the test accuracy of the commonest label, and of TF-IDF with logistic regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    train = [text for text in texts if split_of(text.group) == "train"]
    test = [text for text in texts if split_of(text.group) == "test"]
    labels = [text.label for text in train]
    commonest = max(set(labels), key=labels.count)
    vectors = TfidfVectorizer(analyzer=analyzer, ngram_range=ngrams, sublinear_tf=True)
    model = LogisticRegression(max_iter=2_000).fit(vectors.fit_transform([text.text for text in train]), labels)
    right = [text.label for text in test]
    return {
        "majority": float(np.mean([label == commonest for label in right])),
        "tf-idf": float(model.score(vectors.transform([text.text for text in test]), right)),
    }
