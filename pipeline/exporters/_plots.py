"""The pictures of a data card, small PNG files: Hugging Face does not show SVG of a repository inline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.exporters._card import Census, outside
from pipeline.exporters._describe import SPLITS
from pipeline.types import UInt8

LEFT, WIDTH, ROW, HEAD = 210, 720, 22, 34
"""Of a picture [px]: room for the names, whole width, height of a line, room above the lines."""
INK, PALE = (60, 60, 60), (225, 225, 225)
COLOURS = {"train": (86, 130, 178), "validation": (232, 167, 84), "test": (110, 168, 110)}
GOOD, BAD = (86, 130, 178), (200, 70, 60)
FARTHEST = 2.0
"""Measurements farther out than so many tolerances are drawn here."""


def clips_picture(census: Census) -> UInt8:
    """Bars: clips of each scenario and material, by split; sRGB (H, W, 3)."""
    counts: dict[str, Counter[str]] = {}
    for ((_, scenario, material), split), count in sorted(census.by_cell.items()):
        name = f"{scenario}, {'bare floor' if material == 'none' else material}"
        counts.setdefault(name, Counter())[split] += count
    most = max(sum(line.values()) for line in counts.values())
    sheet = _Sheet("clips", list(counts))
    for number, line in enumerate(counts.values()):
        start = 0
        for split in SPLITS:
            sheet.bar(number, start / most, (start + line[split]) / most, COLOURS[split])
            start += line[split]
        sheet.write(number, start / most, str(start))
    sheet.legend({split: COLOURS[split] for split in SPLITS})
    return sheet.image


def laws_picture(rows: Sequence[Mapping[str, Any]]) -> UInt8:
    """Dots: how far every measurement lies from what its law expects, in tolerances; sRGB (H, W, 3)."""
    found = outside(rows)
    sheet = _Sheet("|measured - expected| / tolerance", [law for law, _ in found])
    for share, word in ((0.0, "0"), (1 / FARTHEST, "1"), (1.0, f"{FARTHEST:g} or more")):
        sheet.rule(share, word)
    for number, (_, values) in enumerate(found):
        for value in values:
            sheet.dot(number, min(value / FARTHEST, 1.0), GOOD if value <= 1.0 else BAD)
    return sheet.image


class _Sheet:
    """A picture with one line a name."""

    def __init__(self, title: str, names: Sequence[str]) -> None:
        self.image: UInt8 = np.full((HEAD + ROW * (len(names) + 1), WIDTH, 3), 255, np.uint8)
        self._print(title, LEFT, 16)
        for number, name in enumerate(names):
            self._print(name, 8, HEAD + ROW * number + 15)

    def bar(self, number: int, start: float, end: float, colour: tuple[int, int, int]) -> None:
        """From share to share of the width."""
        top = HEAD + ROW * number
        self.image[top + 4 : top + ROW - 3, self._x(start) : self._x(end)] = colour

    def dot(self, number: int, share: float, colour: tuple[int, int, int]) -> None:
        """One measurement."""
        import cv2

        cv2.circle(self.image, (self._x(share), HEAD + ROW * number + ROW // 2), 4, colour, 1, cv2.LINE_AA)

    def rule(self, share: float, word: str) -> None:
        """An upright line and its meaning."""
        self.image[HEAD:-ROW, self._x(share)] = PALE
        self._print(word, self._x(share) - 4 * len(word) * (share > 0), self.image.shape[0] - 6)

    def write(self, number: int, share: float, word: str) -> None:
        """Behind a bar."""
        self._print(word, self._x(share) + 5, HEAD + ROW * number + 15)

    def legend(self, entries: Mapping[str, tuple[int, int, int]]) -> None:
        """In the last line."""
        x, y = LEFT, self.image.shape[0] - 6
        for word, colour in entries.items():
            self.image[y - 9 : y + 1, x : x + 10] = colour
            self._print(word, x + 15, y)
            x += 30 + 8 * len(word)

    def _x(self, share: float) -> int:
        return LEFT + round((WIDTH - LEFT - 60) * share)

    def _print(self, word: str, x: int, y: int) -> None:
        import cv2

        cv2.putText(self.image, word, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.42, INK, 1, cv2.LINE_AA)
