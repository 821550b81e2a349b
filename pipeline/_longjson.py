"""JSON objects with one list that is too long for memory, e.g. the clips of a plan: written and read item by item."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from pipeline._files import fault, laid_out, plain, replacing

_PIECE = 2**16
"""Characters that are read at a time, or more for a value that is longer."""
_SPACE = re.compile(r"\s*")
_END = re.compile(r"[\s,:\]}]")
"""What follows a value."""


def write_long(path: Path, entries: Mapping[str, Any], name: str, items: Iterable[Any]) -> None:
    """What `write_json(path, {**entries, name: [*items]})` writes, to the byte, with one item at a time in memory.

    The list is laid out with a line or more for each item, however short it is. Raises as `write_json` does.
    """
    with replacing(path) as unfinished, unfinished.open("w", encoding="utf-8") as file:
        before = "{\n"
        for entry in sorted({*entries, name}):
            file.write(f"{before} {json.dumps(entry)}: ")
            if entry == name:
                file.writelines(_lines(items, path))
            else:
                file.write(laid_out(plain(entries[entry], path), 1))
            before = ",\n"
        file.write("\n}\n")


def _lines(items: Iterable[Any], path: Path) -> Iterator[str]:
    before = "[\n  "
    for item in items:
        yield before + laid_out(plain(item, path), 2)
        before = ",\n  "
    yield "\n ]" if before.startswith(",") else "[]"


def read_long(path: Path, name: str) -> Iterator[tuple[str, Any]]:
    """Entries of a JSON object as pairs of name and value; of the list called `name`, a pair for every item.

    Raises StoreError if the file is missing or no JSON object.
    """
    try:
        with path.open(encoding="utf-8") as file:
            yield from _entries(_Text(file), name)
    except FileNotFoundError:
        raise fault(path, "a JSON file", "no such file", "run the stage that makes it") from None
    except ValueError as error:
        raise fault(path, "a complete JSON object", f"'{error}'") from error


def _entries(text: _Text, name: str) -> Iterator[tuple[str, Any]]:
    for _ in text.listed("{", "}"):
        entry = text.value()
        text.sign(":")
        if entry == name and text.peek() == "[":
            for _ in text.listed("[", "]"):
                yield entry, text.value()
        else:
            yield entry, text.value()


class _Text:
    """JSON text that is read as far as it is asked for."""

    def __init__(self, file: IO[str]) -> None:
        self._file, self._decoder = file, json.JSONDecoder()
        self._text, self._at = "", 0

    def peek(self) -> str:
        """The next character that is no space; '' at the end."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def sign(self, expected: str) -> str:
        """Take the next character, which is one of those. Raises ValueError if it is not."""
        if not (got := self.peek()) or got not in expected:
            raise ValueError(f"expected {' or '.join(expected)}, got '{got}'")
        self._at += 1
        return got

    def listed(self, opening: str, closing: str) -> Iterator[None]:
        """Stop before every item between two brackets; the caller takes it."""
        self.sign(opening)
        if self.peek() == closing:
            self.sign(closing)
            return
        yield
        while self.sign("," + closing) == ",":
            yield

    def value(self) -> Any:
        """Take a value. Raises ValueError if it is not there in full."""
        self.peek()
        while True:
            try:
                found, end = self._decoder.raw_decode(self._text, self._at)
            except ValueError:
                if not self._more():
                    raise
                continue
            if _END.match(self._text, end) or not self._more():  # else a number may go on
                self._at = end
                return found

    def _more(self) -> bool:
        """Read on, at least as much again as is left; False at the end of the file."""
        rest = self._text[self._at :]
        piece = self._file.read(max(_PIECE, len(rest)))
        self._text, self._at = rest + piece, 0
        return bool(piece)
