"""A made corpus whose every flaw is known: Chinese, English and code, with planted duplicates, mojibake and numbers.

    corpus = make_corpus(folder / "corpus.jsonl", num_bytes=20_000_000, seed=1)
    corpus.planted["near"]     # {document id: id of the document it was made from}

Texts are drawn word by word with a seeded generator from word lists of Zipf-like frequency, so no two are alike by
accident: two ordinary documents share few shingles of five characters.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

from trainer.data.checksums import is_luhn

KINDS = ("zh", "en", "code")
_EVERY = 12
"""One of so many documents has a planted flaw."""


@dataclass(slots=True)
class Corpus:
    path: Path
    num_documents: int = 0
    num_broken_lines: int = 0
    row: dict[int, int] = field(default_factory=dict)
    """Document id -> line in the file, from 1."""

    language: dict[int, str] = field(default_factory=dict)
    planted: dict[str, dict[int, object]] = field(default_factory=dict)
    """Flaw -> {document id: what was planted}."""

    def plant(self, flaw: str, document: int, what: object = True) -> None:
        self.planted.setdefault(flaw, {})[document] = what


def make_corpus(path: Path, *, num_bytes: int, seed: int, flaws: bool = True) -> Corpus:
    """Write JSON Lines with the fields id, text, lang; return what was planted where."""
    corpus = Corpus(path)
    writer = _Writer(corpus, seed)
    with open(path, "wb") as file:
        written = 0
        while written < num_bytes:
            for line in writer.lines(flaws):
                file.write(line)
                written += len(line)
    return corpus


class _Writer:
    def __init__(self, corpus: Corpus, seed: int) -> None:
        self.corpus = corpus
        self.random = random.Random(seed)
        self.words = _made_words(self.random, 20_000)
        self.word_weights = list(accumulate(1 / (rank + 3) for rank in range(len(self.words))))
        self.han_weights = list(accumulate(1 / (rank + 30) for rank in range(len(_COMMON_HAN))))
        self.word_pool: list[str] = []
        self.earlier: list[tuple[int, str, str]] = []
        self.flaw_makers: list[Callable[[int, str, str], str]] = [
            self._exact, self._near, self._near, self._mojibake, self._personal, self._personal, self._short,
            self._symbols, self._repeated, self._control,
        ]  # fmt: skip

    def lines(self, flaws: bool) -> Iterator[bytes]:
        number = self.corpus.num_documents
        kind = KINDS[number % 3]
        text = self._text(kind)
        if flaws and number % _EVERY == _EVERY - 1:
            maker = self.flaw_makers[number // _EVERY % len(self.flaw_makers)]
            text = maker(number, kind, text)
        elif self.random.random() < 0.2:
            self.earlier = [*self.earlier[-199:], (number, kind, text)]
        self.corpus.num_documents += 1
        self.corpus.language.setdefault(number, kind)
        self.corpus.row[number] = number + 1 + (number + 1) // 500 * flaws
        if flaws and number % 500 == 499:
            self.corpus.num_broken_lines += 1
            yield b'{"id": broken, "text": \n'
        yield (
            json.dumps({"id": number, "text": text, "lang": self.corpus.language[number]}, ensure_ascii=False).encode()
            + b"\n"
        )

    def _text(self, kind: str) -> str:
        size = int(self.random.lognormvariate(6.8, 0.7)) + 200
        return {"zh": self._chinese, "en": self._english, "code": self._code}[kind](size)

    def _word(self) -> str:
        if not self.word_pool:
            self.word_pool = self.random.choices(self.words, cum_weights=self.word_weights, k=10_000)
        return self.word_pool.pop()

    def _english(self, size: int) -> str:
        pieces: list[str] = []
        length = 0
        while length < size:
            words = [self._word() if i % 3 else self.random.choice(COMMON) for i in range(self.random.randint(6, 20))]
            pieces.append(" ".join(words).capitalize() + self.random.choice([". ", ". ", ". ", "? ", ".\n\n"]))
            length += len(pieces[-1])
        return "".join(pieces)

    def _chinese(self, size: int) -> str:
        pieces: list[str] = []
        length = 0
        while length < size // 2:
            pieces += self.random.choices(_COMMON_HAN, cum_weights=self.han_weights, k=self.random.randint(4, 16))
            pieces.append(self.random.choice(["，", "，", "。", "。", "？", "！", "。\n"]))
            length += 11
        return "".join(pieces)

    def _code(self, size: int) -> str:
        word, number = self._word, self.random.randrange
        lines: list[str] = []
        length = 0
        while length < size:
            argument = word()
            block = [
                f"def {word()}_{number(9999)}({argument}, {word()}):",
                f"    {word()} = {argument}.{word()}({number(99)})",
                f"    if {word()} > {number(999)}:",
                f"        return [{word()} for {word()} in {word()}]",
                f"    return {word()} + '{word()} {word()}'",
                "",
            ]
            lines += block
            length += sum(map(len, block))
        return "\n".join(lines)

    # flaws; each returns the text with its flaw and notes it

    def _exact(self, number: int, kind: str, text: str) -> str:
        first, first_kind, earlier = self.random.choice(self.earlier)
        self.corpus.language[number] = first_kind
        self.corpus.plant("exact", number, first)
        return earlier

    def _near(self, number: int, kind: str, text: str) -> str:
        """Change single characters so that about 5 % of the shingles differ: Jaccard about 0.9."""
        first, first_kind, earlier = self.random.choice(self.earlier)
        self.corpus.language[number] = first_kind
        characters = list(earlier)
        for _ in range(max(1, len(characters) // 100)):
            at = self.random.randrange(len(characters))
            if characters[at].isalnum():
                characters[at] = "龘" if first_kind == "zh" else "q"
        self.corpus.plant("near", number, first)
        return "".join(characters)

    def _mojibake(self, number: int, kind: str, text: str) -> str:
        spoilt = text.replace("e", "é").encode() if kind != "zh" else text.encode()
        if kind == "zh" and number % 2:
            wrong = text.encode("gb18030").decode("latin-1")
        else:
            wrong = spoilt.decode("latin-1")
            text = spoilt.decode()
        self.corpus.plant("mojibake", number, text)
        return wrong

    def _personal(self, number: int, kind: str, text: str) -> str:
        values = {
            "email": f"{self._word()}.{self._word()}@{self._word()}.com",
            "phone": f"1{self.random.choice('3589')}{self.random.randrange(10**9):09d}",
            "chinese_id": self._chinese_id(),
            "bank_card": self._card(),
            "us_ssn": f"{self.random.randint(100, 600)}-{self.random.randint(10, 99)}-{self.random.randint(1000, 9999)}",
            "ip_address": f"8.{self.random.randrange(256)}.{self.random.randrange(256)}.{self.random.randrange(1, 255)}",
        }
        self.corpus.plant("personal", number, values)
        # look-alikes that must stay: wrong checksum, private address, a date, a decimal, a version
        decoys = ["110101199001011230", "192.168.1.10", "2024-01-02", "3.14159265358979", "version 1.2.3.4"]
        self.corpus.plant("decoys", number, decoys)
        marks = {name: f" {name}: {value} ;" for name, value in values.items()}
        place = text.find(" ", len(text) // 2) if " " in text else len(text) // 2
        return text[:place] + "\n" + "".join(marks.values()) + " " + " , ".join(decoys) + "\n" + text[place:]

    def _chinese_id(self) -> str:
        day = f"{self.random.randint(1950, 2010)}{self.random.randint(1, 12):02d}{self.random.randint(1, 28):02d}"
        body = self.random.choice(["110105", "310104", "440106", "510107"]) + day + f"{self.random.randrange(1000):03d}"
        weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
        return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]

    def _card(self) -> str:
        body = f"62{self.random.randrange(10**13):013d}"
        return next(body + str(digit) for digit in range(10) if is_luhn(body + str(digit)))

    def _short(self, number: int, kind: str, text: str) -> str:
        self.corpus.plant("short", number)
        return text[:12].replace("\n", " ")

    def _symbols(self, number: int, kind: str, text: str) -> str:
        self.corpus.plant("symbols", number)
        return "".join(self.random.choice("#$%^&*(){}[]|\\/<>~=+-_;:'\"@! a") for _ in range(len(text)))

    def _repeated(self, number: int, kind: str, text: str) -> str:
        self.corpus.plant("repeated", number)
        line = self._word() + " click here to read the whole story now " + self._word()
        return "\n".join([line] * self.random.randint(30, 60)) + "\n" + text[:200]

    def _control(self, number: int, kind: str, text: str) -> str:
        self.corpus.plant("control", number, text)
        return "\ufeff" + text[:40] + "\x00\x07" + text[40:].replace("\n", "\r\n")


COMMON_TEXT = """the of and to in is that was for on with as by at from or which not are have this be had but one they were
all"""
COMMON = COMMON_TEXT.split()
_COMMON_HAN = "".join(bytes((high, low)).decode("gb2312") for high in range(0xB0, 0xD7) for low in range(0xA1, 0xFF))


def _made_words(generator: random.Random, count: int) -> list[str]:
    consonants, vowels = "bcdfghjklmnprstvwz", "aeiou"
    return [
        "".join(generator.choice(consonants) + generator.choice(vowels) for _ in range(generator.randint(2, 4)))
        + generator.choice(["", "n", "r", "s"])
        for _ in range(count)
    ]
