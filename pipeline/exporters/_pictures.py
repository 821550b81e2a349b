"""What the layouts of single pictures have in common: a table for each split."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pipeline.exporters import About
from pipeline.exporters._describe import annotated
from pipeline.exporters._ledger import Ledger
from pipeline.types import Example


def export_pictures(
    about: About, examples: Iterable[Example], folder: Path, contents: str, write: Callable[[Example], dict[str, Any]]
) -> None:
    """Let `write` put each example's pictures into the folder and say where; <split>.jsonl and README.md list them.

    Raises ValueError if there is no example at all, or one that a trainer could not use.
    """
    ledger = Ledger(about, folder)
    for example in ledger.each(examples):
        annotated(example)
        ledger.write(example, **write(example))
    ledger.close(contents)
