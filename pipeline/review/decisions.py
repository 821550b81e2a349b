"""What people decided: an append-only log in SQLite.

Rows are added, never changed: triggers refuse it, and undo is a row that names the row it undoes. Every row carries
the key that the page made for it, so that a decision that is sent again after a broken connection counts once.

The journal is a write-ahead log (WAL), so that readers never wait for the writer. A kill -9 loses nothing that was
acknowledged, since what was written is the kernel's by then; synchronous=FULL also waits for the disk (WAL with NORMAL
would lose the last decisions with the power), which costs milliseconds where people need seconds.
"""

from __future__ import annotations

import dataclasses
import json
import sqlite3
import threading
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

FILE = "decisions.sqlite"
VERDICTS = ("approve", "reject", "skip")
_VERSION = 1
_SCHEMA = """
CREATE TABLE decisions (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,
  act TEXT NOT NULL CHECK (act IN ('decide', 'adjudicate', 'undo')),
  reviewer TEXT NOT NULL,
  clip_id TEXT NOT NULL, source TEXT NOT NULL, sample INTEGER NOT NULL, clip_hash TEXT NOT NULL,
  verdict TEXT NOT NULL CHECK (verdict IN ('approve', 'reject', 'skip', '')),
  reasons TEXT NOT NULL, note TEXT NOT NULL,
  seconds REAL NOT NULL, time TEXT NOT NULL,
  task TEXT NOT NULL, item TEXT NOT NULL, kind TEXT NOT NULL, showing INTEGER NOT NULL, side TEXT NOT NULL,
  blind INTEGER NOT NULL,
  undoes INTEGER UNIQUE REFERENCES decisions (number)
);
CREATE INDEX by_reviewer ON decisions (reviewer);
CREATE VIEW standing AS SELECT * FROM decisions WHERE act <> 'undo'
  AND number NOT IN (SELECT undoes FROM decisions WHERE undoes IS NOT NULL);
CREATE TRIGGER never_changed BEFORE UPDATE ON decisions BEGIN SELECT RAISE(ABORT, 'decisions are only added'); END;
CREATE TRIGGER never_removed BEFORE DELETE ON decisions BEGIN SELECT RAISE(ABORT, 'decisions are only added'); END;
"""


class ConflictError(ValueError):
    """A decision whose key was already used for another one, or nothing to undo."""


@dataclass(frozen=True)
class Decision:
    """One row of the log."""

    key: str
    """Made by who decides, different for each decision: the same key twice is the same decision, sent again."""
    act: str
    """decide, adjudicate or undo."""
    reviewer: str
    clip_id: str = ""
    source: str = ""
    """'truth' or the model that made the clip."""
    sample: int = 0
    clip_hash: str = ""
    """SHA-256 of the frames' file, rgb.mkv: a verdict is about these bytes."""
    verdict: str = ""
    """approve, reject or skip; empty for an undo."""
    reasons: tuple[str, ...] = ()
    note: str = ""
    seconds: float = 0.0
    """How long the clip was looked at [s]."""
    time: str = ""
    """ISO 8601, UTC, by the server's clock."""
    task: str = ""
    """The showing that it answers, see queue.py."""
    item: str = ""
    kind: str = ""
    showing: int = 0
    """0, or 1 for a hidden repeat."""
    side: str = ""
    """only, left or right."""
    blind: bool = False
    undoes: int | None = None
    """Number of the row that no longer counts."""
    number: int = 0
    """Place in the log, from 1; given by the log."""

    @property
    def clip(self) -> tuple[str, str, int, str]:
        """Which clip it is about, and which bytes of it."""
        return (self.clip_id, self.source, self.sample, self.clip_hash)


_COLUMNS = tuple(field.name for field in dataclasses.fields(Decision) if field.name != "number")
_INSERT = f"INSERT INTO decisions ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
_BY_THE_SERVER = ("number", "time", "undoes")
"""What differs when the same decision is sent again."""


class Log:
    """The log of a run, for many threads and processes at once."""

    def __init__(self, path: Path) -> None:
        """Open the log, or begin one. Raises ValueError if the file is something else."""
        self._guard = threading.Lock()
        try:
            self._connection = sqlite3.connect(path, timeout=30, check_same_thread=False, isolation_level=None)
            self._begin()
        except sqlite3.DatabaseError as error:
            raise ValueError(f"{path}: expected the log of a review, got '{error}'; move the file away") from error

    def _begin(self) -> None:
        self._connection.row_factory = sqlite3.Row
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute("BEGIN IMMEDIATE")  # two servers may begin the same log
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version == 0:
            for statement in _statements(_SCHEMA):
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version={_VERSION}")
        self._connection.execute("COMMIT")
        if version > _VERSION:
            raise sqlite3.DatabaseError(f"version {version}, this code knows {_VERSION}")

    def append(self, decision: Decision) -> Decision:
        """Write a decision, and return it as it stands in the log: on the disk by then.

        Sent again, it is found and not written. Raises ConflictError if its key belongs to another decision.
        """
        with self._guard, self._transaction():
            return self._write(decision)

    def undo(self, key: str, reviewer: str, time: str) -> Decision:
        """Undo the reviewer's latest decision that stands, and return that. Raises ConflictError if there is none."""
        with self._guard, self._transaction():
            before = self._one("SELECT * FROM decisions WHERE key = ?", key)
            if before and before.act == "undo" and before.reviewer == reviewer:  # sent again
                return self._numbered(before.undoes)
            latest = self._one("SELECT * FROM standing WHERE reviewer = ? ORDER BY number DESC LIMIT 1", reviewer)
            if latest is None:
                raise ConflictError(f"undo: expected a decision of {reviewer} that stands, got none")
            same = {
                name: getattr(latest, name) for name in ("clip_id", "source", "sample", "clip_hash", "task", "item")
            }
            self._write(Decision(key, "undo", reviewer, time=time, undoes=latest.number, **same))
            return latest

    def standing(self) -> list[Decision]:
        """All decisions that were not undone, oldest first."""
        with self._guard:
            return [_decision(row) for row in self._connection.execute("SELECT * FROM standing ORDER BY number")]

    def everything(self) -> list[Decision]:
        """All rows, undone ones and undos included, oldest first."""
        with self._guard:
            return [_decision(row) for row in self._connection.execute("SELECT * FROM decisions ORDER BY number")]

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _transaction(self) -> _Transaction:
        return _Transaction(self._connection)

    def _write(self, decision: Decision) -> Decision:
        before = self._one("SELECT * FROM decisions WHERE key = ?", decision.key)
        if before is None:
            values = [_plain(getattr(decision, name)) for name in _COLUMNS]
            number = self._connection.execute(_INSERT, values).lastrowid
            return dataclasses.replace(decision, number=number or 0)
        again = {name: getattr(before, name) for name in _BY_THE_SERVER}
        if dataclasses.replace(decision, **again) != before:
            raise ConflictError(
                f"key {decision.key}: expected a new key for a new decision, got that of row {before.number}"
            )
        return before

    def _numbered(self, number: int | None) -> Decision:
        found = self._one("SELECT * FROM decisions WHERE number = ?", number)
        assert found is not None
        return found

    def _one(self, query: str, *values: object) -> Decision | None:
        row = self._connection.execute(query, values).fetchone()
        return _decision(row) if row else None


class _Transaction:
    """BEGIN IMMEDIATE ... COMMIT, so that what was read still holds when it is written."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def __enter__(self) -> None:
        self.connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.connection.execute("ROLLBACK" if kind else "COMMIT")


def read(path: Path) -> list[Decision]:
    """The decisions of a run that stand, oldest first; none if nobody has reviewed it. The file is not touched."""
    if not path.exists():
        return []
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
            connection.row_factory = sqlite3.Row
            return [_decision(row) for row in connection.execute("SELECT * FROM standing ORDER BY number")]
    except sqlite3.DatabaseError as error:
        raise ValueError(f"{path}: expected the log of a review, got '{error}'; move the file away") from error


def latest(decisions: Iterable[Decision]) -> dict[tuple[str, str, int, str], dict[str, Decision]]:
    """Clip -> reviewer -> their latest decision about it that is no skip, of those given, oldest first."""
    found: dict[tuple[str, str, int, str], dict[str, Decision]] = {}
    for one in decisions:
        if one.act == "decide" and one.verdict in ("approve", "reject"):
            found.setdefault(one.clip, {})[one.reviewer] = one
    return found


def adjudicated(decisions: Iterable[Decision]) -> dict[tuple[str, str, int, str], Decision]:
    """Clip -> the latest word of an adjudicator about it."""
    return {one.clip: one for one in decisions if one.act == "adjudicate"}


def _statements(script: str) -> list[str]:
    """`executescript` would commit first; triggers hold semicolons of their own."""
    found, statement = [], ""
    for line in script.strip().splitlines():
        statement += line + "\n"
        if sqlite3.complete_statement(statement):
            found.append(statement)
            statement = ""
    return found


def _plain(value: object) -> object:
    return json.dumps(value) if isinstance(value, tuple) else value


def _decision(row: sqlite3.Row) -> Decision:
    entry = dict(row)
    return Decision(**{**entry, "reasons": tuple(json.loads(entry["reasons"])), "blind": bool(entry["blind"])})
