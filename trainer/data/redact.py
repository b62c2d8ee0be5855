"""Third step: personal data is replaced by a word that says what stood there. Numbers count only with a right checksum.

Patterns look for forms, not for people: a name or a street is not found, and a number that happens to look like a
telephone number is replaced too. The counts and masked examples in the report are for judging that.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass

from trainer.data.checksums import is_chinese_id, is_iban, is_luhn
from trainer.data.recipe import RedactStep

_BEFORE = r"(?<![0-9A-Za-z_.\-])"
_AFTER = r"(?![0-9A-Za-z_]|[.\-]\d)"
_DIGITS = re.compile(r"\d{2}[\d \-.()]{4}\d")
_NOT_DIGIT = re.compile(r"\D")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of personal data: where to look, what to look for, and how to be sure."""

    name: str
    token: str
    pattern: re.Pattern[str]
    needs: str = ""
    """A character without which the pattern cannot match; empty: a run of digits."""

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

KINDS = (
    Kind(
        "email",
        "<EMAIL>",
        re.compile(
            r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9][A-Za-z0-9._%+\-]{0,63}@(?:[A-Za-z0-9\-]{1,63}\.){1,8}[A-Za-z]{2,24}\b"
        ),
        needs="@",
    ),
    Kind(
        "iban",
        "<IBAN>",
        re.compile(r"(?<![0-9A-Za-z_])[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![0-9A-Za-z_])"),
        accept=lambda match: is_iban(match.group()),
    ),
    Kind(
        "chinese_id",
        "<CN_ID>",
        re.compile(r"(?<![0-9A-Za-z_])[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])[0-3]\d{4}[\dXx](?![0-9A-Za-z_])"),
        accept=lambda match: is_chinese_id(match.group()),
    ),
    Kind(
        "bank_card",
        "<CARD>",
        re.compile(
            _BEFORE + r"(?:3[47]\d{2}[ -]?\d{6}[ -]?\d{5}|[2-6]\d{3}(?:[ -]?\d{4}){2,3}(?:[ -]?\d{1,3})?)" + _AFTER
        ),
        accept=_is_card,
    ),
    Kind("us_ssn", "<SSN>", re.compile(_BEFORE + r"\d{3}-\d{2}-\d{4}" + _AFTER), needs="-", accept=_is_ssn),
    Kind(
        "phone",
        "<PHONE>",
        re.compile(
            r"(?<![0-9A-Za-z_.\-])(?:"
            r"(?:\+?86[- ]?)?1[3-9]\d(?:\d{8}|[- ]\d{4}[- ]\d{4})"
            r"|0\d{2,3}-\d{7,8}"
            r"|(?:\+?1[-. ])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[-. ])[2-9]\d{2}[-. ]\d{4}"
            r"|\+[1-9]\d{0,2}[-. ]?\(?\d{1,4}\)?(?:[-. ]?\d{2,4}){2,4}"
            r")" + _AFTER
        ),
        accept=_is_phone,
    ),
    Kind(
        "ip_address",
        "<IP>",
        re.compile(r"(?<![0-9A-Za-z_.\-])(?:\d{1,3}\.){3}\d{1,3}(?![0-9A-Za-z_]|\.\d)"),
        needs=".",
        accept=_is_public_address,
    ),
    Kind(
        "ip_address",
        "<IP>",
        re.compile(
            r"(?<![0-9A-Za-z_:.])[23][0-9A-Fa-f]{3}:(?:[0-9A-Fa-f]{0,4}:){1,6}[0-9A-Fa-f]{0,4}(?![0-9A-Za-z_:])"
        ),
        needs=":",
        accept=_is_public_address,
    ),
)


@dataclass(frozen=True, slots=True)
class Found:
    """One piece of personal data, masked: enough to judge, not to misuse."""

    kind: str
    masked: str


def redact(text: str, step: RedactStep) -> tuple[str, list[Found]]:
    """Return the text without personal data, and what was found."""
    found: list[Found] = []
    has_digits: bool | None = None
    for kind in KINDS:
        if not getattr(step, kind.name) or (kind.needs and kind.needs not in text):
            continue
        if kind.name != "email":
            if has_digits is None:
                has_digits = bool(_DIGITS.search(text)) or (("2" in text or "3" in text) and "::" in text)
            if not has_digits:
                break
        text = _replaced(text, kind, found)
    return text, found


def _replaced(text: str, kind: Kind, found: list[Found]) -> str:
    pieces: list[str] = []
    end = 0
    for match in kind.pattern.finditer(text):
        if kind.accept(match):
            pieces += (text[end : match.start()], kind.token)
            end = match.end()
            found.append(Found(kind.name, mask(match.group())))
    return "".join(pieces) + text[end:] if pieces else text


def mask(value: str) -> str:
    """Return the value with all but its first two and last two characters hidden; signs between them stay."""
    hidden = (character if not character.isalnum() else "•" for character in value[2:-2])
    return value[:2] + "".join(hidden) + value[-2:]
