"""The log: append-only, once each, whoever writes and whatever is killed."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import sqlite3
import threading
from pathlib import Path

import pytest

from pipeline.review.decisions import FILE, ConflictError, Decision, Log, adjudicated, latest, read


def decision(number: int, reviewer: str = "anna", verdict: str = "approve", **more: object) -> Decision:
    clip_id = f"drop-sand-{number:05d}"
    given = {"task": f"task{number}", "item": f"item{number}", "kind": "truth", "side": "only", **more}
    key = f"{reviewer}-{number:08d}"
    known = {"clip_id": clip_id, "source": "truth", "clip_hash": f"hash{number}", "verdict": verdict, "seconds": 1.5}
    return Decision(**{"key": key, "act": "decide", "reviewer": reviewer, **known, **given})  # type: ignore[arg-type]


def test_what_is_written_comes_back_in_order_with_everything_it_says(tmp_path: Path) -> None:
    log = Log(tmp_path / FILE)
    told = [
        decision(0, reasons=("melts", "other"), note="'; DROP TABLE decisions; -- <script>\u2603\0", time="2026-01-01"),
        decision(1, verdict="reject", seconds=0.25, showing=1, blind=True),
    ]
    written = [log.append(one) for one in told]
    assert [one.number for one in written] == [1, 2]
    assert [dataclasses.replace(one, number=0) for one in read(tmp_path / FILE)] == told
    assert log.standing() == read(tmp_path / FILE) == written


def test_the_same_key_again_is_the_same_decision(tmp_path: Path) -> None:
    log = Log(tmp_path / FILE)
    first = log.append(decision(0, time="12:00"))
    assert log.append(decision(0, time="12:05")) == first
    with pytest.raises(ConflictError, match="new key"):
        log.append(decision(0, verdict="reject"))
    assert log.everything() == [first]


def test_undo_is_a_row_and_takes_back_the_latest_that_stands(tmp_path: Path) -> None:
    log = Log(tmp_path / FILE)
    for number in range(3):
        log.append(decision(number))
    log.append(decision(7, "ben"))
    assert log.undo("undo-one", "anna", "").clip_id == "drop-sand-00002"
    assert log.undo("undo-one", "anna", "").clip_id == "drop-sand-00002"  # sent again
    assert log.undo("undo-two", "anna", "").clip_id == "drop-sand-00001"
    assert [one.key for one in log.standing()] == ["anna-00000000", "ben-00000007"]
    assert [one.act for one in log.everything()] == ["decide"] * 4 + ["undo"] * 2
    log.undo("undo-three", "anna", "")
    with pytest.raises(ConflictError, match="got none"):
        log.undo("undo-four", "anna", "")


@pytest.mark.parametrize("change", ["UPDATE decisions SET verdict = 'reject'", "DELETE FROM decisions"])
def test_no_row_can_be_changed_or_removed(tmp_path: Path, change: str) -> None:
    log = Log(tmp_path / FILE)
    log.append(decision(0))
    with sqlite3.connect(tmp_path / FILE) as other, pytest.raises(sqlite3.IntegrityError, match="only added"):
        other.execute(change)
    assert len(log.standing()) == 1


def test_the_journal_is_a_write_ahead_log_that_waits_for_the_disk(tmp_path: Path) -> None:
    log = Log(tmp_path / FILE)
    assert log._connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert log._connection.execute("PRAGMA synchronous").fetchone()[0] == 2


def test_many_threads_and_a_second_process_write_at_once(tmp_path: Path) -> None:
    log = Log(tmp_path / FILE)
    people = [f"person{number}" for number in range(4)]
    threads = [threading.Thread(target=_write, args=(log, name, 25)) for name in people]
    beside = multiprocessing.get_context("spawn").Process(target=_write_all, args=(tmp_path / FILE, "elsewhere", 25))
    for one in (beside, *threads):
        one.start()
    for one in (beside, *threads):
        one.join()
    rows = log.everything()
    assert [row.number for row in rows] == list(range(1, 126))
    assert {(row.reviewer, row.clip_id) for row in rows} == {
        (name, f"drop-sand-{number:05d}") for name in [*people, "elsewhere"] for number in range(25)
    }


def _write(log: Log, name: str, count: int) -> None:
    for number in range(count):
        log.append(decision(number, name))


def _write_all(path: Path, name: str, count: int) -> None:
    _write(Log(path), name, count)


def _write_until_killed(path: Path, told: int) -> None:
    log = Log(path)
    for number in range(100_000):
        log.append(decision(number))
        os.write(told, f"{number}\n".encode())


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    path = tmp_path / FILE
    child = os.fork()
    if child == 0:
        os.close(reading)
        _write_until_killed(path, writing)
    os.close(writing)
    with os.fdopen(reading) as told:
        acknowledged = [int(told.readline()) for _ in range(30)]
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        acknowledged += [int(line) for line in told if line.endswith("\n")]
    rows = [row.clip_id for row in Log(path).everything()]
    assert rows[: len(acknowledged)] == [f"drop-sand-{number:05d}" for number in acknowledged]
    assert len(rows) - len(acknowledged) <= 1  # written, but killed before it could say so


def test_the_latest_word_of_each_reviewer_counts_and_skips_do_not(tmp_path: Path) -> None:
    again = decision(0, verdict="reject", key="later-on")
    rows = [decision(0), decision(0, "ben"), again, decision(1, verdict="skip")]
    assert {name: one.verdict for name, one in latest(rows)[again.clip].items()} == {"anna": "reject", "ben": "approve"}
    assert len(latest(rows)) == 1
    word = decision(0, "carla", act="adjudicate")
    assert adjudicated([*rows, word]) == {word.clip: word}
    assert "carla" not in latest([*rows, word])[word.clip]


def test_a_foreign_file_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_text("this is no database, and long enough to be taken for a damaged one" * 20)
    for opened in (Log, read):
        with pytest.raises(ValueError, match="expected the log of a review"):
            opened(path)
    assert path.read_text().startswith("this is")
    assert read(tmp_path / "nothing.sqlite") == []
    assert not (tmp_path / "nothing.sqlite").exists()
