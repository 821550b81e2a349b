"""The exam that every engine sits, and what those that use processes promise besides."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from odd_jobs import answer_with_code, compute, crash, extend, fail, fail_noting, hang, prepare, remember, square, told

from pipeline import engines, shelf
from pipeline.engines import Engine, Job, Kept
from pipeline.engines.local import Local

ROOT = Path(__file__).parents[1]
NAMES = shelf.names(engines)
WITH_PROCESSES = [name for name in NAMES if name != "serial"]
SMALL: dict[str, dict[str, object]] = {
    "ray": {"workers": 2, "threads": 3},
    "submitit": {"cluster": "local", "tasks": 1, "chunk": 8, "workers": 2, "threads": 3},
    "local": {"workers": 2, "threads": 3},
}
"""Settings under which an engine sits the exam."""


def made(name: str, folder: Path, **settings: object) -> Engine:
    """An engine of that name; skips the test if it needs a package that is not installed."""
    if name in ("ray", "submitit"):
        pytest.importorskip(name)
    own = {"folder": str(folder / "tasks")} if name == "submitit" else {}
    return shelf.find(engines, Engine, name)(**{**SMALL.get(name, {}), **own, **settings})  # type: ignore[type-abstract]


@pytest.fixture(scope="module", autouse=True)
def _one_ray() -> Iterator[None]:
    """Ray starts slowly: the engines of this file share one."""
    yield
    if "ray" in sys.modules:
        sys.modules["ray"].shutdown()


@pytest.fixture(params=NAMES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Engine:
    return made(request.param, tmp_path)


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
    def start(self: object, *arguments: object, **settings: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(multiprocessing.get_context("spawn").Process, "start", start)
    monkeypatch.setattr(subprocess.Popen, "__init__", start)
    assert list(engine.run([], "nothing", 0)) == []


def test_lines_of_progress_name_what_is_done(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    list(engine.run([Job("try one", square, (1,)), Job("try two", fail, ("no",))], "try", 2))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[:2] for line in lines] == [["try", "1/2"], ["try", "2/2"]]
    one, two = sorted(lines, key=lambda line: line.split()[2])
    assert re.fullmatch(r"try ./2 one \d+\.\d s", one)
    assert re.fullmatch(r"try ./2 two \d+\.\d s FAILED: ValueError: no \[.*\]", two)


@pytest.mark.parametrize("name", WITH_PROCESSES)
def test_crashes_and_time_outs_are_tried_again_and_exceptions_are_not(name: str, tmp_path: Path) -> None:
    names = ("once", "always", "hang", "raise")
    once, always, hanging, raising = (str(tmp_path / name) for name in names)
    jobs = [
        Job("try once", crash, (once, 1)),
        Job("try always", crash, (always, 99)),
        Job("try hang", hang, (hanging,)),
        Job("try raise", fail_noting, (raising,)),
        Job("try threads", told, ("OMP_NUM_THREADS",)),
    ]
    engine = made(name, tmp_path, time_limit=2.0, retries=1)
    environment = dict(os.environ)
    outcomes = list(engine.run(jobs, "try", len(jobs)))

    assert [(outcome.value, outcome.error) for outcome in outcomes[:1]] == [("survived", "")]
    assert outcomes[1].value is None
    assert outcomes[1].error.startswith("its process died: ")
    assert name == "ray" or "exit code 7" in outcomes[1].error
    assert outcomes[2].error.startswith("took longer than time_limit = 2 s")
    assert outcomes[2].wall_seconds == pytest.approx(4.0)
    assert outcomes[3].error.startswith("ValueError: always")
    assert [outcome.attempts for outcome in outcomes] == [2, 2, 2, 1, 1]
    assert [len((tmp_path / name).read_text().splitlines()) for name in names] == [2, 2, 2, 1]
    assert outcomes[4].value == "3"
    assert {key: value for key, value in os.environ.items() if not key.startswith("RAY_")} == {
        key: value for key, value in environment.items() if not key.startswith("RAY_")
    }
    assert multiprocessing.active_children() == []


def test_a_worker_is_prepared_once_and_keeps_what_is_to_be_kept(engine: Engine, tmp_path: Path) -> None:
    jobs = [Job(f"try {number}", remember, (Kept([0]), number), prepare) for number in range(8)]
    outcomes = list(engine.run(jobs, "try", len(jobs)))
    assert not any(outcome.error for outcome in outcomes)
    workers = {outcome.worker for outcome in outcomes}
    assert len(workers) <= 2
    for worker in workers:  # the list grew by one a job, and its worker was prepared before the first of them
        grown = sorted(outcome.value[0] for outcome in outcomes if outcome.worker == worker)
        assert grown == list(range(2, len(grown) + 2))
        assert {outcome.value[1] for outcome in outcomes if outcome.worker == worker} == {1}


def test_workers_take_turns_over_the_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b")
    jobs = [Job(f"try {number}", told, ("CUDA_VISIBLE_DEVICES", 0.3)) for number in range(6)]
    outcomes = list(Local(workers=3, gpus=2).run(jobs, "try", len(jobs)))
    seen = {outcome.worker.rpartition("/")[2]: outcome.value for outcome in outcomes}
    assert seen == {"0": "GPU-a", "1": "GPU-b", "2": "GPU-a"}


@pytest.mark.parametrize("name", ["ray", "submitit"])
def test_a_missing_package_is_named_with_its_extra(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    engine = shelf.find(engines, Engine, name)()  # type: ignore[type-abstract]
    monkeypatch.setitem(sys.modules, name, None)
    extra = {"ray": "ray", "submitit": "slurm"}[name]
    with pytest.raises(ValueError, match=rf"engine {name}: expected the package .*\[{extra}\]"):
        engine.run([Job("try", square, (1,))], "try", 1)


@pytest.mark.parametrize(
    ("name", "stop"),
    [
        ("local", signal.SIGINT),
        ("local", signal.SIGKILL),
        ("ray", signal.SIGINT),
        ("ray", signal.SIGKILL),
        ("submitit", signal.SIGINT),
    ],
)
def test_workers_end_with_their_parent_however_it_ends(name: str, stop: signal.Signals, tmp_path: Path) -> None:
    engine = made(name, tmp_path)
    script = (
        "import odd_jobs, signal\n"
        "from pipeline.engines import Job\n"
        f"from {type(engine).__module__} import {type(engine).__name__}\n"
        "if __name__ == '__main__':\n"
        "    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored\n"
        f"    jobs = [Job('try', odd_jobs.hang, ({str(tmp_path / 'pids')!r},))] * 2\n"
        f"    list({engine!r}.run(jobs, 'try', 2))\n"
    )
    (tmp_path / "script.py").write_text(script)
    home = tmp_path / "home"
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]), "HOME": str(home)}
    command = [sys.executable, str(tmp_path / "script.py")]
    before = set(Path(tempfile.gettempdir()).glob("qs*"))
    parent = subprocess.Popen(command, env=paths, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        assert eventually(lambda: len(pids(tmp_path)) == 2, 60), "the workers did not start"
        family = descendants(parent.pid)
        assert set(pids(tmp_path)) <= family
        here = set(Path(tempfile.gettempdir()).glob("qs*")) - before
        parent.send_signal(stop)
        assert parent.wait(20) != 0
        assert eventually(lambda: not any(map(alive, family))), "processes were left behind"
        assert eventually(lambda: not any(map(Path.exists, here))), "a folder was left behind"
        assert not home.exists(), "something was left in the home folder"
    finally:
        parent.kill()


def pids(folder: Path) -> list[int]:
    path = folder / "pids"
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def descendants(root: int) -> set[int]:
    """Children, their children, and so on."""
    stats = [path.read_text().rpartition(")") for path in Path("/proc").glob("[0-9]*/stat") if path.exists()]
    parents = {int(head.split()[0]): int(tail.split()[1]) for head, _, tail in stats}
    family: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in {root, *family}} - family:
        family |= more
    return family


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
