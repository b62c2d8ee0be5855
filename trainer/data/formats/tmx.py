"""TMX, the exchange format of translation memories: each unit becomes a row with a column for each language.

    <tu><tuv xml:lang="en"><seg>Good morning</seg></tuv><tuv xml:lang="zh-CN"><seg>早上好</seg></tuv></tu>

A column has the name of the language without its region (`zh`); where a unit holds the same language again, the second
text stands in a column of its whole name (`zh-tw`).
Read as a stream, so that large memories need no memory. Entities of its own are refused: no translation memory has any.
What stands in a segment for the marks of the file that it came from (`<bpt>`, `<ph>` and such) is no text and is left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, BinaryIO
from xml.parsers import expat

from trainer.data.formats.reading import BrokenFileError, Reading, Row

CHUNK_BYTES = 1 << 16
NATIVE_CODES = ("bpt", "ept", "it", "ph", "ut")
"""Elements of TMX 1.4b that hold codes of the original file, such as <b>; `hi` holds text."""


def tmx_rows(file: BinaryIO, reading: Reading) -> Iterator[Row]:
    """Yield (line of the unit, {language: text}); raise `BrokenFileError` with the line where the XML breaks."""
    units = _Units(reading)
    while True:
        chunk = file.read(CHUNK_BYTES)
        try:
            units.parser.Parse(chunk, not chunk)
        except expat.ExpatError as error:
            yield from units.taken()
            where = f"line {error.lineno}, column {error.offset + 1}"
            raise BrokenFileError("broken TMX", f"{where}: {expat.ErrorString(error.code)}") from error
        yield from units.taken()
        if not chunk:
            return


class _Units:
    """Collects units while the parser reads."""

    def __init__(self, reading: Reading) -> None:
        self.parser = expat.ParserCreate("utf-8")  # which the stream is in by now, whatever the declaration says
        self.parser.buffer_text = True
        self.parser.UseForeignDTD(True)  # an entity that only a DTD knows is then told, not an error
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.EntityDeclHandler = _refuse
        self.parser.SkippedEntityHandler = self._unknown_entity
        self._reading = reading
        self._found: deque[Row] = deque()
        self._unit: dict[str, Any] = {}
        self._line, self._language = 0, ""
        self._fault: tuple[str, str] | None = None
        """What is wrong with the unit at hand: reason and detail."""

        self._segment: list[str] | None = None
        self._num_codes = 0
        """Native codes that are open: inside them is no text."""

    def taken(self) -> Iterator[Row]:
        while self._found:
            yield self._found.popleft()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "tu":
            self._unit, self._line, self._fault = {}, self.parser.CurrentLineNumber, None
        elif name == "tuv":
            language = attributes.get("xml:lang") or attributes.get("lang") or ""
            self._language = language.strip().lower().replace("_", "-")
        elif name == "seg":
            self._segment, self._num_codes = [], 0
        elif name in NATIVE_CODES:
            self._num_codes += 1

    def _text(self, text: str) -> None:
        if self._segment is not None and not self._num_codes:
            self._segment.append(text)

    def _unknown_entity(self, name: str, is_parameter: bool) -> None:
        if self._segment is not None and not self._num_codes and not is_parameter:
            self._fault = ("unknown entity", f"&{name}; is none that XML knows; write the character itself")

    def _end(self, name: str) -> None:
        if name == "seg" and self._segment is not None:
            self._put("".join(self._segment).strip())
            self._segment = None
        elif name in NATIVE_CODES:
            self._num_codes -= 1
        elif name == "tu":
            self._finish()

    def _put(self, text: str) -> None:
        """Place a segment under its language, or under the language's whole name where that is taken."""
        column = self._language.split("-")[0]
        if column in self._unit:
            column = self._language
        if not column:
            self._fault = ("segment without a language", "give each <tuv> its xml:lang")
        elif column in self._unit:
            where = f"{self._reading.where} line {self._line:,}"
            self._reading.skips.passed_over("second text of one language", f"{where}: {column}: {text[:60]}")
        else:
            self._unit[column] = text

    def _finish(self) -> None:
        if self._fault:
            self._reading.broken_line(self._line, *self._fault)
        else:
            self._found.append((self._line, self._unit))


def _refuse(*_declaration: Any) -> None:
    raise BrokenFileError("broken TMX", "it declares entities of its own, which are not read")
