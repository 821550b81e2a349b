"""The exam that every engine sits, and what those that use processes promise besides."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from odd_jobs import answer_with_code, compute, crash, extend, fail, fail_noting, hang, square, threads

from pipeline import engines, shelf
from pipeline.engines import Engine, Job, Outcome
from pipeline.engines.local import Local

ROOT = Path(__file__).parents[1]


@pytest.fixture(params=shelf.names(engines))
def engine(request: pytest.FixtureRequest) -> Engine:
    return shelf.find(engines, Engine, request.param)()


def test_outcomes_come_in_the_order_of_the_jobs_and_one_failure_stops_nothing(engine: Engine) -> None:
    shared = [0]
    jobs = [
        Job("try a", square, (3,)),
        Job("try b", fail, ("expected 1,\ngot 2",)),
        Job("try c", answer_with_code, ()),
        Job("try d", lambda: 0, ()),
        Job("try e", sys.exit, (3,)),
        Job("try f", extend, (shared,)),
        Job("try g", compute, (0.05,)),
    ]
    outcomes = list(engine.run(iter(jobs), "try", len(jobs)))

    assert [outcome.name for outcome in outcomes] == [job.name for job in jobs]
    a, b, c, d, e, f, g = outcomes
    assert (a.value, a.error, a.attempts) == (9, "", 1)
    assert (b.value, b.attempts) == (None, 1)
    assert b.error.startswith("ValueError: expected 1, got 2 [odd_jobs.py:")
    assert "must return something that can be pickled, got function" in c.error
    assert "must be a module-level function with picklable arguments" in d.error
    assert e.error == "SystemExit: 3"
    assert f.value == [0, 1]
    assert shared == [0], "a job changed the caller's arguments"
    assert not g.error
    assert 0.05 <= g.cpu_seconds < 0.5
    assert g.wall_seconds >= 0.04


def test_jobs_are_drawn_as_they_are_needed(engine: Engine) -> None:
    drawn = []

    def endless() -> Iterator[Job]:
        for number in range(10**9):
            drawn.append(number)
            yield Job(f"try {number}", square, (number,))

    outcomes = engine.run(endless(), "try")
    assert [next(outcomes).value for _ in range(5)] == [0, 1, 4, 9, 16]
    outcomes.close()  # type: ignore[attr-defined]
    assert len(drawn) < 1000
    assert multiprocessing.active_children() == []


def test_without_jobs_no_process_is_started(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(self: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(multiprocessing.get_context("spawn").Process, "start", start)
    assert list(engine.run([], "nothing", 0)) == []


def test_lines_of_progress_name_what_is_done(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    list(engine.run([Job("try one", square, (1,)), Job("try two", fail, ("no",))], "try", 2))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[:2] for line in lines] == [["try", "1/2"], ["try", "2/2"]]
    one, two = sorted(lines, key=lambda line: line.split()[2])
    assert re.fullmatch(r"try ./2 one \d+\.\d s", one)
    assert re.fullmatch(r"try ./2 two \d+\.\d s FAILED: ValueError: no \[.*\]", two)


def test_crashes_and_time_outs_are_tried_again_and_exceptions_are_not(tmp_path: Path) -> None:
    names = ("once", "always", "hang", "raise")
    once, always, hanging, raising = (str(tmp_path / name) for name in names)
    jobs = [
        Job("try once", crash, (once, 1)),
        Job("try always", crash, (always, 99)),
        Job("try hang", hang, (hanging,)),
        Job("try raise", fail_noting, (raising,)),
        Job("try threads", threads, ()),
    ]
    environment = dict(os.environ)
    outcomes = list(Local(workers=2, time_limit=2.0, retries=1, threads=3).run(jobs, "try", len(jobs)))

    assert [(outcome.value, outcome.error) for outcome in outcomes[:2]] == [
        ("survived", ""),
        (None, "its process died: exit code 7"),
    ]
    assert outcomes[2].error.startswith("took longer than time_limit = 2 s")
    assert outcomes[2].wall_seconds == pytest.approx(4.0)
    assert outcomes[3].error.startswith("ValueError: always")
    assert [outcome.attempts for outcome in outcomes] == [2, 2, 2, 1, 1]
    assert [len((tmp_path / name).read_text().splitlines()) for name in names] == [2, 2, 2, 1]
    assert outcomes[4] == Outcome("try threads", "3", "", 1, outcomes[4].cpu_seconds, outcomes[4].wall_seconds)
    assert dict(os.environ) == environment
    assert multiprocessing.active_children() == []


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_their_parent_however_it_ends(stop: signal.Signals, tmp_path: Path) -> None:
    script = (
        "import odd_jobs, signal\n"
        "from pipeline.engines import Job\n"
        "from pipeline.engines.local import Local\n"
        "if __name__ == '__main__':\n"
        "    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored\n"
        f"    jobs = [Job('try', odd_jobs.hang, ({str(tmp_path / 'pids')!r},))] * 2\n"
        "    list(Local(workers=2).run(jobs, 'try', 2))\n"
    )
    (tmp_path / "script.py").write_text(script)
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    command = [sys.executable, str(tmp_path / "script.py")]
    parent = subprocess.Popen(command, env=paths, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        assert eventually(lambda: len(pids(tmp_path)) == 2), "the workers did not start"
        parent.send_signal(stop)
        assert parent.wait(10) != 0
        assert eventually(lambda: not any(map(alive, pids(tmp_path)))), "workers were left behind"
    finally:
        parent.kill()


def pids(folder: Path) -> list[int]:
    path = folder / "pids"
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"  # dead, and waiting for a parent to notice


def eventually(condition: object, seconds: float = 20.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("setting", "value"), [("workers", -1), ("retries", -1), ("threads", 0), ("time_limit", 0.0), ("time_limit", -1.0)]
)
def test_impossible_settings_are_refused(setting: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"engine local: {setting} must be .* got {value}"):
        Local(**{setting: value})  # type: ignore[arg-type]
