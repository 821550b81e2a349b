"""Writes settings.md: every plug-in on every shelf and its settings, in the words that stand beside them in the code.

python docs/make_settings.py        after a plug-in or a setting has been added
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import itertools
import textwrap
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

from pipeline import app, shelf
from pipeline.stages import Run

PAGE = Path(__file__).with_name("settings.md")
HEAD = """# Every plug-in and its settings

`group=name` chooses one, `group.setting=value` (of several: `groups.name.setting=value`) sets it;
`.venv/bin/python -m pipeline --help` prints the defaults as they are composed. Made by `docs/make_settings.py`.
"""


def page() -> str:
    """The whole file: the run's own settings, then a chapter a shelf."""
    shelves: dict[str, tuple[ModuleType, type[Any], list[str]]] = {}
    for group, (room, contract) in {**app.ONE_OF, **app.MANY_OF}.items():
        shelves.setdefault(room.__name__, (room, contract, []))[2].append(group)
    return "\n".join([HEAD, *_run(), *(line for shelved in shelves.values() for line in _chapter(*shelved))])


def _run() -> list[str]:
    """What is no plug-in: the run's numbers, and the rooms of which there is one."""
    plain = [one for one in dataclasses.fields(Run) if one.name not in {**app.ONE_OF, **app.MANY_OF}]
    rooms = {one.name: one.default_factory for one in plain if dataclasses.is_dataclass(one.default_factory)}
    numbers = [one for one in plain if one.name not in rooms]
    lines = ["## A run (`setting=`)", "", *_table(numbers, _told(Run))]
    for name, room in rooms.items():
        lines += _section(f"{name}.", room, dataclasses.fields(room))  # type: ignore[arg-type]
    return lines


def _chapter(room: ModuleType, contract: type[Any], called: list[str]) -> list[str]:
    """A shelf: what all of its plug-ins have, then each."""
    title = room.__name__.rsplit(".", 1)[1].capitalize()
    lines = [f"## {title} ({', '.join(f'`{name}=`' for name in called)})", ""]
    shared = [one for one in dataclasses.fields(contract) if one.init]
    lines += ["Each has", "", *_table(shared, _told(contract))] if shared else []
    for name, plugin in shelf.everything(room, contract).items():
        own = [one for one in dataclasses.fields(plugin) if one.init and one not in shared]
        lines += _section(name, plugin, own)
    return lines


def _section(name: str, kind: type[Any], settings: Sequence[dataclasses.Field[Any]]) -> list[str]:
    told = {setting: words for one in reversed(kind.__mro__) for setting, words in _told(one).items()}
    return [f"**{name}** {_words(inspect.getdoc(kind) or '')}", "", *_table(settings, told)]


def _table(settings: Sequence[dataclasses.Field[Any]], told: dict[str, str]) -> list[str]:
    if not settings:
        return []
    rows = [f"| `{one.name}` | {_default(one)} | {told.get(one.name, '')} |" for one in settings]
    return ["| setting | default | what |", "|---|---|---|", *rows, ""]


def _told(kind: type[Any]) -> dict[str, str]:
    """Field -> the docstring under it."""
    if not kind.__module__.startswith("pipeline."):
        return {}
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0].body  # type: ignore[attr-defined]
    return {
        one.target.id: _words(after.value.value)
        for one, after in itertools.pairwise(body)
        if isinstance(one, ast.AnnAssign)
        and isinstance(one.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
    }


def _words(docstring: str) -> str:
    return " ".join(docstring.split()).replace("|", "\\|")


def _default(field: dataclasses.Field[Any]) -> str:
    value = field.default
    if field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    if dataclasses.is_dataclass(value):
        return f"`{type(value).__name__}`"
    shown = value.name if isinstance(value, Enum) else value
    coarse = f", with quick=true `{field.metadata['quick']}`" if "quick" in field.metadata else ""
    return ("required" if value is dataclasses.MISSING else f"`{shown!r}`" if shown != "" else "empty") + coarse


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
