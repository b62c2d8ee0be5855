"""Check digits of identity, card and account numbers: what makes a row of digits a number of somebody."""

from __future__ import annotations

import datetime

_CN_ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CN_ID_CHECKS = "10X98765432"


def is_chinese_id(number: str) -> bool:
    """Return whether an identity number of 18 characters has a real date and the check digit of GB 11643-1999."""
    try:
        born = datetime.date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], _CN_ID_WEIGHTS, strict=True))
    return born.year >= 1880 and _CN_ID_CHECKS[total % 11] == number[17].upper()


def is_luhn(digits: str) -> bool:
    """Return whether a card number passes the Luhn check (ISO/IEC 7812-1)."""
    doubled = [int(digit) * 2 for digit in digits[-2::-2]]
    total = sum(map(int, digits[-1::-2])) + sum(value - 9 if value > 9 else value for value in doubled)
    return total % 10 == 0


def is_iban(text: str) -> bool:
    """Return whether an account number passes the mod-97 check (ISO 13616)."""
    plain = text.replace(" ", "").upper()
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(character, 36)) for character in plain[4:] + plain[:4])) % 97 == 1
