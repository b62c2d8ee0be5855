"""How much personal data redaction finds: made-up canaries are planted into copies of real documents, and looked for.

Nothing planted stays in the data. The canaries are written as people write such things, a few of them in ways that no
pattern knows ("anna at example dot org"), set between words of the team's own text: what is caught of them is the
recall, which the counts of what was found cannot tell.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from trainer.data.checksums import is_chinese_id, is_iban, is_luhn
from trainer.data.recipe import RedactStep
from trainer.data.redact import redact

NUM_PER_KIND = 40
NUM_MISSED_SHOWN = 3
CONTEXT_CHARACTERS = 800
"""Of a document around a canary: enough for every pattern to look at."""

FIRST_NAMES = ("anna", "li.wei", "m_garcia", "Priya", "jean-luc", "O.Adeyemi", "kenji.sato", "eva")
DOMAINS = ("example.org", "mail.example.com", "post.example.de", "uni.example.ac.uk", "example.cn")


def canary_recall(texts: Sequence[str], step: RedactStep, *, seed: int = 0) -> dict[str, Any] | None:
    """Plant canaries of every kind that is to be redacted and return what was caught; None where there is nothing to do.

    Parameters
    ----------
    texts : documents as they are after redaction; canaries go into copies of them
    step : which kinds are looked for
    """
    kinds = [kind for kind in MAKERS if getattr(step, kind)]
    hosts = [text for text in texts if text.strip()]
    if not kinds or not hosts:
        return None
    rng = random.Random(seed)
    by_kind: dict[str, dict[str, Any]] = {}
    for kind in kinds:
        planted = [MAKERS[kind](rng) for _ in range(NUM_PER_KIND)]
        missed = [canary for canary in planted if not _is_caught(canary, rng.choice(hosts), step, rng)]
        by_kind[kind] = {
            "planted": len(planted), "caught": len(planted) - len(missed), "missed": missed[:NUM_MISSED_SHOWN],
        }  # fmt: skip
    return {
        "planted": sum(row["planted"] for row in by_kind.values()),
        "caught": sum(row["caught"] for row in by_kind.values()),
        "by_kind": by_kind,
    }


def _is_caught(canary: str, host: str, step: RedactStep, rng: random.Random) -> bool:
    """Say whether redaction leaves nothing of the canary in a document."""
    start = rng.randrange(max(1, len(host) - CONTEXT_CHARACTERS))
    words = host[start : start + CONTEXT_CHARACTERS].split(" ")
    words.insert(rng.randrange(len(words) + 1), canary)
    return canary not in redact(" ".join(words), step)[0]


def _email(rng: random.Random) -> str:
    name, domain = rng.choice(FIRST_NAMES), rng.choice(DOMAINS)
    forms = (
        f"{name}@{domain}",
        f"<{name}{rng.randrange(100)}@{domain}>",
        f"{name}+news@{domain},",
        f"mailto:{name}@{domain}",
    )
    hidden = f"{name} at {domain.replace('.', ' dot ')}"
    return rng.choice(forms) if rng.random() < 0.9 else hidden


def _phone(rng: random.Random) -> str:
    def digits(count: int) -> str:
        return "".join(str(rng.randrange(10)) for _ in range(count))

    area, office = f"{rng.randrange(2, 10)}{digits(2)}", f"{rng.randrange(2, 10)}{digits(2)}"
    return rng.choice(
        (
            f"1{rng.choice('3456789')}{digits(9)}", f"+86 1{rng.choice('3456789')}{digits(1)} {digits(4)} {digits(4)}",
            f"({area}) {office}-{digits(4)}", f"{area}-{office}-{digits(4)}", f"+1 {area} {office} {digits(4)}",
            f"+49 {digits(3)} {digits(4)} {digits(3)}", f"+44 20 {digits(4)} {digits(4)}",
            f"0{rng.randrange(1, 9)} {digits(2)} {digits(2)} {digits(2)} {digits(2)}",
        )
    )  # fmt: skip


def _ip_address(rng: random.Random) -> str:
    if rng.random() < 0.25:
        return "2a01:" + ":".join(f"{rng.randrange(1, 65536):x}" for _ in range(7))
    return f"{rng.choice((23, 45, 81, 134, 185))}." + ".".join(str(rng.randrange(1, 255)) for _ in range(3))


def _chinese_id(rng: random.Random) -> str:
    born = f"{rng.randrange(1950, 2005)}{rng.randrange(1, 13):02d}{rng.randrange(1, 29):02d}"
    stem = f"{rng.choice(('110101', '310104', '440305', '510107'))}{born}{rng.randrange(1000):03d}"
    return next(stem + last for last in "0123456789X" if is_chinese_id(stem + last))


def _bank_card(rng: random.Random) -> str:
    stem = f"{rng.choice('45')}" + "".join(str(rng.randrange(10)) for _ in range(14))
    number = next(stem + last for last in "0123456789" if is_luhn(stem + last))
    sign = rng.choice(("", " ", "-"))
    return sign.join(number[at : at + 4] for at in range(0, 16, 4))


def _us_ssn(rng: random.Random) -> str:
    area = rng.choice([n for n in range(1, 900) if n != 666])
    number = f"{area:03d}-{rng.randrange(1, 100):02d}-{rng.randrange(1, 10_000):04d}"
    return number if rng.random() < 0.8 else number.replace("-", " ")


def _iban(rng: random.Random) -> str:
    account = "".join(str(rng.randrange(10)) for _ in range(18))
    number = next(f"DE{check:02d}{account}" for check in range(2, 99) if is_iban(f"DE{check:02d}{account}"))
    return number if rng.random() < 0.5 else " ".join(number[at : at + 4] for at in range(0, len(number), 4))


MAKERS: dict[str, Callable[[random.Random], str]] = {
    "email": _email, "phone": _phone, "ip_address": _ip_address, "chinese_id": _chinese_id, "bank_card": _bank_card,
    "us_ssn": _us_ssn, "iban": _iban,
}  # fmt: skip
"""Kind of the recipe -> how one is made up. Only addresses of documentation domains, and numbers made at random."""
