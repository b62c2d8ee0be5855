"""Third step: personal data is replaced by a word that says what stood there. Numbers count only with a right checksum.

Patterns look for forms, not for people: a name or a street is not found, and a number that happens to look like a
telephone number is replaced too. The counts and masked examples in the report are for judging that.

For speed the patterns run only near an `@` or a run of digits, which one cheap search finds; most text has neither.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from trainer.data.checksums import is_chinese_id, is_iban, is_luhn
from trainer.data.recipe import RedactStep

_BEFORE = r"(?<![0-9A-Za-z_\-])(?<![0-9_]\.)"  # `Tel.` may stand in front, the whole part of a decimal may not
_AFTER = r"(?![0-9A-Za-z_]|[.\-][0-9])"
_DIGIT_RUN = re.compile(r"[0-9][0-9 .()\-]{5,}[0-9Xx]?")
_IPV6_START = re.compile(r"[23][0-9A-Fa-f]{3}:[0-9A-Fa-f]{0,4}:")
_EMAIL_AROUND = re.compile(r"[A-Za-z0-9._%+\-]@[A-Za-z0-9]")
_FULL_WIDTH = re.compile("[\uff10-\uff19\uff20-\uff3a\uff41-\uff5a]")
_HALF_WIDTH = {0xFF00 + code: chr(0x20 + code) for code in range(1, 95)}
"""Chinese keyboards write digits, letters and signs as wide as characters too; each has its narrow one."""

_NOT_DIGIT = re.compile(r"[^0-9]")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of personal data: what to look for around a place, and how to be sure."""

    name: str
    token: str
    pattern: re.Pattern[str]
    before: int
    """Characters before the place in which a match may begin."""

    after: int
    """Characters behind the place that a match, and the look behind its end, may need."""

    accept: Callable[[re.Match[str]], bool] = lambda match: True


def _digits(match: re.Match[str]) -> str:
    return _NOT_DIGIT.sub("", match.group())


def _is_card(match: re.Match[str]) -> bool:
    digits = _digits(match)
    return 13 <= len(digits) <= 19 and len(set(digits)) > 1 and is_luhn(digits)


def _is_ssn(match: re.Match[str]) -> bool:
    area, group, serial = match.group().split("-")
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def _is_phone(match: re.Match[str]) -> bool:
    return 7 <= len(_digits(match)) <= 15


def _is_public_address(match: re.Match[str]) -> bool:
    try:
        address = ipaddress.ip_address(match.group())
    except ValueError:
        return False
    if address.version == 6:
        return address in _IPV6_IN_USE and address.is_global
    return address.is_global and not address.is_multicast and not _is_version(match)


def _is_version(match: re.Match[str]) -> bool:
    """Return whether the four numbers are a version, as in `version 1.2.3.4` or `v1.2.3.4`."""
    before = match.string[max(0, match.start() - 9) : match.start()].lower().rstrip(" =:\"'")
    return before.endswith(("version", "ver", "v", "版本", "release"))


_IPV6_IN_USE = ipaddress.ip_network("2000::/3")

EMAIL = Kind(
    "email",
    "<EMAIL>",
    re.compile(
        r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9][A-Za-z0-9._%+\-]{0,63}@(?:[A-Za-z0-9\-]{1,63}\.){1,8}[A-Za-z]{2,24}\b", re.A
    ),
    before=64,
    after=256,
)
OF_DIGITS = (
    Kind(
        "iban",
        "<IBAN>",
        re.compile(r"(?<![0-9A-Za-z_])[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![0-9A-Za-z_])"),
        before=34,
        after=34,
        accept=lambda match: is_iban(match.group()),
    ),
    Kind(
        "chinese_id",
        "<CN_ID>",
        re.compile(
            r"(?<![0-9A-Za-z_])[1-9][0-9]{5}(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])[0-3][0-9]{4}[0-9Xx](?![0-9A-Za-z_])"
        ),
        before=0,
        after=1,
        accept=lambda match: is_chinese_id(match.group()),
    ),
    Kind(
        "bank_card",
        "<CARD>",
        re.compile(
            _BEFORE
            + r"(?:3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}|[2-6][0-9]{3}(?:[ -]?[0-9]{4}){2,3}(?:[ -]?[0-9]{1,3})?)"
            + _AFTER
        ),
        before=0,
        after=2,
        accept=_is_card,
    ),
    Kind(
        "us_ssn",
        "<SSN>",
        re.compile(_BEFORE + r"[0-9]{3}-[0-9]{2}-[0-9]{4}" + _AFTER),
        before=0,
        after=2,
        accept=_is_ssn,
    ),
    Kind(
        "phone",
        "<PHONE>",
        re.compile(
            _BEFORE + r"(?:"
            r"(?:\+?86[- ]?)?1[3-9][0-9](?:[0-9]{8}|[- ][0-9]{4}[- ][0-9]{4})"
            r"|(?<![0-9][- ])(?:\+?86[- ]?)?(?:\(0[0-9]{2,3}\) ?|0[0-9]{2,3}[- ])[0-9]{3,4}[- ]?[0-9]{4}"
            r"|[48]00-[0-9]{3}-[0-9]{4}|[48]00-[0-9]{4}-[0-9]{3}"
            r"|(?:\+?1[-. ])?(?:\([2-9][0-9]{2}\) ?|[2-9][0-9]{2}[-. ])[2-9][0-9]{2}[-. ][0-9]{4}"
            r"|\+[1-9][0-9]{0,2}[-. ]?\(?[0-9]{1,4}\)?(?:[-. ]?[0-9]{2,4}){2,4}"
            r")" + _AFTER
        ),
        before=2,
        after=2,
        accept=_is_phone,
    ),
    Kind(
        "ip_address",
        "<IP>",
        re.compile(_BEFORE + r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9A-Za-z_]|\.[0-9])"),
        before=0,
        after=2,
        accept=_is_public_address,
    ),
)
IPV6 = Kind(
    "ip_address",
    "<IP>",
    re.compile(r"(?<![0-9A-Za-z_:.])[23][0-9A-Fa-f]{3}:(?:[0-9A-Fa-f]{0,4}:){1,6}[0-9A-Fa-f]{0,4}(?![0-9A-Za-z_:])"),
    before=0,
    after=48,
    accept=_is_public_address,
)


@dataclass(frozen=True, slots=True)
class Found:
    """One piece of personal data, masked: enough to judge, not to misuse."""

    kind: str
    masked: str


def redact(text: str, step: RedactStep) -> tuple[str, list[Found]]:
    """Return the text without personal data, and what was found."""
    matches: list[tuple[int, int, int, Kind]] = []
    plain = narrowed(text) if _FULL_WIDTH.search(text) else text
    for order, (place, kind) in enumerate(_places(plain, step)):
        low, high = max(0, place.start() - kind.before), place.end() + kind.after
        found = kind.pattern.finditer(plain, low, high)
        matches += [(match.start(), order, match.end(), kind) for match in found if kind.accept(match)]
    if not matches:
        return text, []
    taken: list[tuple[int, int, Kind]] = []
    at = 0
    for start, _, end, kind in sorted(matches, key=lambda match: match[:2]):
        if start >= at:  # of two that overlap, the one that begins first, then the more certain kind
            taken.append((start, end, kind))
            at = end
    return _replaced(text, taken), [Found(kind.name, mask(text[start:end])) for start, end, kind in taken]


def narrowed(text: str) -> str:
    """Return the text with digits, letters and signs of full width as narrow ones; every character keeps its place."""
    return text.translate(_HALF_WIDTH)


def _places(text: str, step: RedactStep) -> Iterator[tuple[re.Match[str], Kind]]:
    """Yield each place worth a look with each kind to look for there, the most certain kind first."""
    if step.email and "@" in text:
        for place in _EMAIL_AROUND.finditer(text):
            yield place, EMAIL
    wanted = [kind for kind in OF_DIGITS if getattr(step, kind.name)]
    for place in _DIGIT_RUN.finditer(text):
        for kind in wanted:
            yield place, kind
    if step.ip_address and ":" in text:
        for place in _IPV6_START.finditer(text):
            yield place, IPV6


def _replaced(text: str, taken: list[tuple[int, int, Kind]]) -> str:
    pieces: list[str] = []
    at = 0
    for start, end, kind in taken:
        pieces += (text[at:start], kind.token)
        at = end
    return "".join(pieces) + text[at:]


def mask(value: str) -> str:
    """Return the value with all but its first two and last two characters hidden; signs between them stay."""
    hidden = (character if not character.isalnum() else "•" for character in value[2:-2])
    return value[:2] + "".join(hidden) + value[-2:]
