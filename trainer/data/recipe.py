"""The recipe for text: what is done to the documents, step by step.

Each step is a frozen dataclass whose field docstrings are the help text of the form.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import msgspec

from trainer.data.fractions import check_fractions
from trainer.data.sources import ReadLimits
from trainer.data.steps import StepsRecipe
from trainer.errors import SpecError
from trainer.limits import check_at_least, check_fraction

Language = Literal["zh", "en", "code", "other"]


@dataclass(frozen=True, kw_only=True, slots=True)
class NormaliseStep:
    """Make equal what looks equal, and repair what was decoded wrongly."""

    fix_mojibake: bool = True
    """Repair text that was decoded with the wrong encoding (`cafÃ©`, `ÖÐÎÄ`), where that can be undone exactly."""

    unicode_form: Literal["NFC", "NFKC", "none"] = "NFC"
    """NFC: one code for each composed character. NFKC also turns full-width letters and ligatures into plain ones."""

    remove_control_characters: bool = True
    """Remove control characters and byte order marks; tabs and line ends stay."""

    unify_line_ends: bool = True
    """Write every line end as one newline."""

    strip_trailing_spaces: bool = False
    """Remove spaces at line ends. Off: code keeps its exact bytes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FilterStep:
    """Drop documents that a model should not learn from."""

    enabled: bool = True
    """Off: every document that is not empty stays."""

    min_characters: int = 20
    """Shortest document that stays."""

    max_characters: int = 0
    """Longest document that stays. 0: no limit."""

    max_symbol_fraction: float = 0.5
    """Largest share of characters that are neither letters, digits nor spaces. Source code has 0.1 to 0.3."""

    max_duplicate_line_fraction: float = 0.6
    """Largest share of the text in lines (of ten characters or more) that occurred before in the same document."""

    max_repetition_fraction: float = 0.92
    """Largest share of the bytes that fast compression saves; prose saves 0.4 to 0.7, one phrase over and over 0.95."""

    languages: list[Language] = field(default_factory=list)
    """Keep only these. Empty: all. Told apart by script and common words, so short or mixed texts may be misjudged."""

    def __post_init__(self) -> None:
        for name in ("max_symbol_fraction", "max_duplicate_line_fraction", "max_repetition_fraction"):
            check_fraction(f"filter.{name}", getattr(self, name))
        check_at_least("filter.min_characters", self.min_characters, 0)
        if 0 < self.max_characters < self.min_characters:
            raise SpecError(
                f"filter.max_characters ({self.max_characters}) is below filter.min_characters ({self.min_characters})"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class RedactStep:
    """Replace personal data by a word that says what stood there. What remains is what duplicates are looked for in."""

    email: bool = True
    """E-mail addresses become `<EMAIL>`."""

    phone: bool = True
    """Telephone numbers: mainland Chinese mobile, North American and international forms become `<PHONE>`."""

    ip_address: bool = True
    """Public IPv4 and IPv6 addresses become `<IP>`; loopback, private and documentation ranges stay."""

    chinese_id: bool = True
    """Chinese identity numbers of 18 digits with a right check digit and date become `<CN_ID>`."""

    bank_card: bool = True
    """Card numbers of 13 to 19 digits with a known first digit and a right Luhn check become `<CARD>`."""

    us_ssn: bool = True
    """US social security numbers written with hyphens become `<SSN>`."""

    iban: bool = True
    """International bank account numbers with a right checksum become `<IBAN>`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExactStep:
    """Remove documents that are the same to the last character; the first one stays."""

    enabled: bool = True
    """Off: they stay, and still never land in different splits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NearStep:
    """Find documents that are nearly the same (MinHash with locality-sensitive hashing, Broder 1997)."""

    enabled: bool = True
    """Remove all but the first of each cluster. Off: they stay, and still never land in different splits."""

    threshold: float = 0.8
    """Share of character shingles that two documents must have in common (Jaccard) to count as nearly the same."""

    shingle_characters: int = 5
    """Length of a shingle. Counted in characters, so that it works for Chinese without spaces."""

    num_hashes: int = 128
    """Length of a document's sketch. More finds more surely and takes more time and disk."""

    def __post_init__(self) -> None:
        if not 0.4 <= self.threshold <= 0.98:
            raise SpecError(f"near.threshold is {self.threshold}; it must be from 0.4 to 0.98")
        if not 2 <= self.shingle_characters <= 16:
            raise SpecError(f"near.shingle_characters is {self.shingle_characters}; it must be from 2 to 16")
        if not 32 <= self.num_hashes <= 512:
            raise SpecError(f"near.num_hashes is {self.num_hashes}; it must be from 32 to 512")


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitStep:
    """Divide into train, validation and test by a hash of the near-duplicate cluster: a duplicate never crosses."""

    validation_fraction: float = 0.02
    """Share of clusters for validation during training."""

    test_fraction: float = 0.02
    """Share of clusters for the one test at the end."""

    seed: int = 1
    """Another seed divides differently."""

    def __post_init__(self) -> None:
        check_fractions(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class AugmentStep:
    """Add changed copies of training documents: of pairs and conversations only what is read, never the answer.

    A run can be made with and without them, to measure what they are worth.
    """

    copies: int = 0
    """Copies of each training document. 0: none."""

    paraphraser: str = ""
    """A model of one's own that says each line in other words: a Transformer trained on pairs of texts that mean the same.
    Lines that it cannot say otherwise fall back on words and slips. Empty: words and slips alone."""

    paraphraser_back: str = ""
    """A second model, for paraphrase by translation: the first translates, this one translates back."""

    noise_fraction: float = 0.02
    """Share of letters with a slip of the keyboard: left out, doubled, or exchanged with the next."""

    synonym_fraction: float = 0.3
    """Share of the words below that are exchanged."""

    synonyms: str = ""
    """Words that may stand for one another, a group a line: big = large = huge."""

    seed: int = 1
    """Another seed makes other copies."""

    def __post_init__(self) -> None:
        if not 0 <= self.copies <= 20:
            raise SpecError(f"augment.copies is {self.copies}; it must be from 0 to 20")
        for name in ("noise_fraction", "synonym_fraction"):
            check_fraction(f"augment.{name}", getattr(self, name))
        if self.paraphraser_back and not self.paraphraser:
            raise SpecError("augment.paraphraser_back translates back what augment.paraphraser translated; choose both")


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenizerStep:
    """Learn a byte-level BPE tokenizer from the training split, unless the job names an existing one."""

    vocab_size: int = 8_192
    """Number of different tokens. Larger: fewer tokens a text, more parameters in the model."""

    sample_bytes: int = 64 << 20
    """Most bytes of training text to learn it from, drawn by seed; at most 256 MB."""

    seed: int = 1
    """Seed of the sample."""

    def __post_init__(self) -> None:
        if not 257 <= self.vocab_size <= 1 << 18:
            raise SpecError(f"tokenizer.vocab_size is {self.vocab_size}; it must be from 257 to {1 << 18}")
        if not 1_024 <= self.sample_bytes <= 256 << 20:
            raise SpecError(f"tokenizer.sample_bytes is {self.sample_bytes}; it must be from 1,024 to {256 << 20}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe(StepsRecipe):
    """What is done to the documents, in this order."""

    read: ReadLimits = field(default_factory=ReadLimits)
    normalise: NormaliseStep = field(default_factory=NormaliseStep)
    filter: FilterStep = field(default_factory=FilterStep)
    redact: RedactStep = field(default_factory=RedactStep)
    exact: ExactStep = field(default_factory=ExactStep)
    near: NearStep = field(default_factory=NearStep)
    split: SplitStep = field(default_factory=SplitStep)
    augment: AugmentStep = field(default_factory=AugmentStep)
    tokenizer: TokenizerStep = field(default_factory=TokenizerStep)

    def canonical_json(self) -> bytes:
        """Return the one way to write this recipe; without copies their settings mean nothing and are left out."""
        plain = self.to_dict()
        if not self.augment.copies:
            del plain["augment"]
        return msgspec.json.encode(plain, order="sorted")
