"""Clips by name: patterns such as drop/sand/* with wildcards, and errors that list the right names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

EACH = "each"
"""Stands for every name by itself, where `*` stands for all of them together."""


@dataclass(frozen=True)
class Pattern:
    """What is written as drop/sand/*: one part for each kind of name."""

    parts: tuple[str, ...]

    def group(self, names: Sequence[str]) -> str:
        """Which group of clips one with these names falls into, e.g. drop/sand/*; empty: into none."""
        pairs = list(zip(self.parts, names, strict=True))
        if not all(part == EACH or fnmatchcase(name, part) for part, name in pairs):
            return ""
        return "/".join(name if part == EACH else part for part, name in pairs)


def parse(setting: str, text: str, kinds: Sequence[str]) -> Pattern:
    """The pattern that a setting holds; parts that are left away at the end are `*`.

    Raises ValueError for too many parts and for empty ones.
    """
    parts = text.split("/")
    if len(parts) > len(kinds) or not all(parts):
        form = "/".join(kinds)
        raise ValueError(f"curation.{setting}: expected {form} (with * for all, such as */gravel), got '{text}'")
    return Pattern((*parts, *["*"] * (len(kinds) - len(parts))))


def check(setting: str, pattern: Pattern, known: Mapping[str, Sequence[str]]) -> None:
    """Raises ValueError if a part of the pattern matches none of the names known of its kind."""
    for part, (kind, names) in zip(pattern.parts, known.items(), strict=True):
        if part != EACH and not any(fnmatchcase(name, part) for name in names):
            got = "/".join(pattern.parts)
            raise ValueError(
                f"curation.{setting}: no {kind} is called '{part}' (in {got}); there are {', '.join(names) or 'none'}"
            )
