"""The books of a layout: what goes in is checked and counted, its rows go to a table, the card comes last."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.exporters import About
from pipeline.exporters._card import CLIPS, LAWS, Census, card, judged
from pipeline.exporters._croissant import croissant
from pipeline.exporters._describe import check, check_some, row
from pipeline.exporters._plots import clips_picture, laws_picture
from pipeline.exporters._png import write_png
from pipeline.types import Example


class Ledger:
    """Of one layout while it is written."""

    def __init__(self, about: About, folder: Path, table: str = "{split}.jsonl") -> None:
        """`table` is the file with a split's rows, with {split} in it."""
        self.about, self.folder, self.table = about, folder, table
        self.census = Census()
        self.first: dict[str, Any] = {}
        """The first row that was written: its columns are those of all."""
        self._columns: list[str] = []
        self._seen: set[str] = set()
        self._counts = True

    def each(self, examples: Iterable[Example]) -> Iterator[Example]:
        """The examples, one at a time, checked as they come and counted when they are done with.

        Raises ValueError if there is none at all, or one that a trainer could not use.
        """
        for example in examples:
            check(example, self._seen)
            self._check_columns(example)
            self._counts = True
            yield example
            if self._counts:
                self.census.count(example)
        check_some(self.about.name, self._seen)

    def leave_out(self) -> None:
        """Do not count the example that is being dealt with: nothing of it was written."""
        self._counts = False

    def _check_columns(self, example: Example) -> None:
        """`datasets` refuses a data set whose splits differ in their columns: say it here, where it can be mended."""
        got = sorted(row(example))
        self._columns = self._columns or got
        if got != self._columns:
            differing = ", ".join(sorted(set(got) ^ set(self._columns)))
            raise ValueError(
                f"Example {example.clip.clip_id}: all examples need the same provenance entries and weights, "
                f"differs in {differing}"
            )

    def write(self, example: Example, **entry: Any) -> None:
        """Append a row about the example to its split's table: what one filters by, and the layout's own `entry`."""
        line = row(example) | entry
        self.first = self.first or line
        path = self.folder / self.table.format(split=example.split)
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8") as table:
            table.write(json.dumps(line, ensure_ascii=False) + "\n")

    def close(self, contents: str, data_files: str = "") -> None:
        """Write README.md with its pictures and, where the layout has tables of rows, croissant.json.

        `contents` says what lies where; `data_files` is what `datasets` reads of a split, the table unless given.
        """
        text = card(self.about, self.census, data_files or self.table, contents)
        (self.folder / "README.md").write_text(text, encoding="utf-8")
        write_png(self.folder / CLIPS, clips_picture(self.census))
        if measured := judged(self.about, self.census):
            write_png(self.folder / LAWS, laws_picture(measured))
        if self.first:
            croissant(self.about, self.census, self.folder, self.first, self.table)
