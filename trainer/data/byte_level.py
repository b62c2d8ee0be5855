"""How text becomes pieces and bytes before byte-pair encoding: the split pattern and the printable alphabet of bytes.

The alphabet is the one of GPT-2 (Radford et al. 2019), so that a `tokenizer.json` of ours is read by every library that
reads theirs. The pattern bounds runs of Han, kana, digits and white space: without a bound a Chinese paragraph is one
piece, merges grow over whole phrases and encoding a long one takes quadratic time. One pattern serves two regular
expression engines (fancy-regex in tiktoken, Oniguruma in tokenizers), so it uses only what both read alike.
"""

from __future__ import annotations

from collections.abc import Iterable

SPLIT_PATTERN = (
    r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}&&[^\p{Han}\p{Hiragana}\p{Katakana}]]+"
    r"|[\p{Han}\p{Hiragana}\p{Katakana}]{1,4}"
    r"|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]{0,64}"
    r"|\s{0,64}[\r\n]{1,64}"
    r"|\s{1,64}(?!\S)"
    r"|\s"
)


def _printable_bytes() -> dict[int, str]:
    """Return byte -> printable character: itself where Latin-1 prints it, otherwise one from 256 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    table = {byte: chr(byte) for byte in printable}
    spare = 256
    for byte in range(256):
        if byte not in table:
            table[byte] = chr(spare)
            spare += 1
    return table


CHARACTER_OF_BYTE = _printable_bytes()
BYTE_OF_CHARACTER = {character: byte for byte, character in CHARACTER_OF_BYTE.items()}


def bytes_to_printable(token: bytes) -> str:
    """Return the form in which `tokenizer.json` writes a token's bytes."""
    return "".join(CHARACTER_OF_BYTE[byte] for byte in token)


def printable_to_bytes(token: str) -> bytes:
    """Undo `bytes_to_printable`; raise KeyError for a character that stands for no byte."""
    return bytes(BYTE_OF_CHARACTER[character] for character in token)


def all_merges(ids: dict[bytes, int]) -> list[tuple[bytes, bytes]]:
    """Return every way to join two tokens into a third, in the order of the third's id.

    With all of them listed (and not only the one that training met first) merging by list and merging by id give the
    same result, so that two engines agree on every text.
    """
    merges: list[tuple[bytes, bytes]] = []
    for token, _ in sorted(ids.items(), key=lambda item: item[1]):
        splits = ((token[:at], token[at:]) for at in range(1, len(token)))
        found = [pair for pair in splits if pair[0] in ids and pair[1] in ids and _earlier(ids, pair, token)]
        merges.extend(sorted(found, key=lambda pair: (ids[pair[0]], ids[pair[1]])))
    return merges


def _earlier(ids: dict[bytes, int], pair: tuple[bytes, bytes], token: bytes) -> bool:
    return max(ids[pair[0]], ids[pair[1]]) < ids[token]


def missing_bytes(tokens: Iterable[bytes]) -> list[int]:
    """Return the bytes that no token stands for alone; with any missing some text could not be written."""
    single = {token[0] for token in tokens if len(token) == 1}
    return [byte for byte in range(256) if byte not in single]
