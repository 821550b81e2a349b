"""What the engines cost: per job, at the start of a worker, from one process to two; and what planning takes.

    PYTHONPATH=. python benchmarks/engines.py [overhead] [start] [scaling] [plan] [cold]     all unless some are named

Prints one line a measurement. CPU seconds are those of this process and all its descendants, alive or gone; wall
seconds say little on a machine that others use, therefore its load is printed, too.

overhead: per job of an engine with one worker, for jobs that do nothing, after its worker has started
start:    of a worker with warm caches: its imports, then what its first clip of a kind takes above its second
scaling:  the same quick clips with 1 and with 2 workers
plan:     10 000 clips with 3 re-draws each: CPU time
memory:   of the driver, for 1 000, 10 000 and 40 000 units: a whole command whose units are done in no time
cold:     four workers start at once over an empty kernel cache: the clips' bytes are those with a warm one
"""

from __future__ import annotations

import hashlib
import io
import os
import resource
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

from walk import tree_rss_mb

from pipeline import engines, shelf
from pipeline.app import compose
from pipeline.engines import Engine, Job, Kept, Outcome
from pipeline.stages import Run
from pipeline.stages._pulse import alive
from pipeline.stages._walk import walk
from pipeline.stages.simulate import prepare, units

ROOT = Path(__file__).resolve().parents[1]
TICK = os.sysconf("SC_CLK_TCK")
FEW, MANY = 10, 210
"""Jobs that warm an engine up, and jobs in all."""


def tree_cpu_seconds() -> float:
    """CPU time of this process, its children that have ended, and its living descendants [s]."""
    parents, spent = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
        spent[int(stat.parent.name)] = sum(map(int, fields[11:15])) / TICK
    family = {os.getpid()}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(spent[one] for one in family if one in spent)


def overhead() -> None:
    """Per job, once the worker is there."""
    with tempfile.TemporaryDirectory() as folder:
        settings: dict[str, dict[str, Any]] = {
            "serial": {},
            "local": {"workers": 1},
            "ray": {"workers": 1},
            "submitit": {"cluster": "local", "tasks": 1, "chunk": MANY, "folder": f"{folder}/tasks"},
        }
        for name, words in settings.items():
            engine = shelf.find(engines, Engine, name)(**words)  # type: ignore[type-abstract]
            jobs = [Job(f"try {one}", alive, (Path(folder), "", "try", abs, one)) for one in range(MANY)]
            started = time.perf_counter()
            outcomes = engine.run(jobs, "try", MANY)
            for _ in range(FEW):
                next(outcomes)
            first, cpu, wall = time.perf_counter() - started, tree_cpu_seconds(), time.perf_counter()
            rest = [outcome.value for outcome in outcomes]
            cpu, wall = tree_cpu_seconds() - cpu, time.perf_counter() - wall
            assert rest == list(range(FEW, MANY)), rest
            told(f"overhead {name}", f"{1e3 * wall / len(rest):.1f} ms wall, {1e3 * cpu / len(rest):.1f} ms CPU a job")
            told(f"overhead {name}", f"{first:.1f} s wall until job {FEW} was done")
            if name == "ray":
                sys.modules["ray"].shutdown()


def seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def start() -> None:
    """A worker's first steps, in a fresh process for each material."""
    for material in ("none", "sand", "water"):
        subprocess.run([sys.executable, __file__, f"--start={material}"], cwd=ROOT, check=True)


def first_steps(material: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run: Run = compose(["quick=true", f"material={material}", "clips=1", "redraws=0", f"outputs={folder}"])
        (_, (unit,)), *_ = units(run)

        def make() -> None:
            unit.work(unit.folder, unit.key, *unit.arguments)
            unit.folder.rename(f"{unit.folder}-{time.perf_counter_ns()}")

        prepare()
        imports = time.process_time()  # the interpreter's start and the settings' included
        clips = [seconds(make) for _ in range(3)]
        kernels = clips[0] - min(clips[1:])
        told(f"start {material}", f"ready after {imports:.2f}, first clip above the next {kernels:.2f} CPU s")


def scaling() -> None:
    """Enough clips that the start of the workers is a small part, on one worker and on two."""
    walls: dict[int, float] = {}
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            run: Run = compose(
                [
                    "quick=true",
                    "material=sand",
                    "clips=48",
                    "redraws=0",
                    f"outputs={folder}",
                    f"engine.workers={workers}",
                ]
            )
            jobs = [
                Job(unit.name, unit.work, (unit.folder, unit.key, *map(Kept, unit.arguments)), prepare)
                for _, every in units(run)
                for unit in every
            ]
            cpu, wall = children_cpu_seconds(), time.perf_counter()
            outcomes = list(run.engine.run(jobs, "scaling", len(jobs)))
            wall, cpu = time.perf_counter() - wall, children_cpu_seconds() - cpu
        walls[workers] = wall
        inside = sum(one.cpu_seconds for one in outcomes)
        told(f"scaling {workers}", f"{wall:.1f} s wall, {cpu:.1f} CPU s, of it {inside:.1f} within {len(jobs)} clips")
    told("scaling 1 -> 2", f"efficiency {walls[1] / (2 * walls[2]):.2f} by wall time")


def children_cpu_seconds() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def plan() -> None:
    """One pass over it; a command makes a few."""
    run: Run = compose(["stage=simulate", "clips=10000"])
    begun = time.process_time()
    count = sum(len(every) for _, every in units(run))
    told("plan 10 000 clips", f"{count} units in {time.process_time() - begun:.1f} CPU s")


class Idle(Engine):
    """Draws jobs, and says that they are done: what is left is the driver."""

    def run(self, jobs: Iterable[Job], title: str, total: int | None = None) -> Iterator[Outcome]:
        return (Outcome(job.name) for job in jobs)


def memory() -> None:
    """The plan, the search for what is missing, the jobs, the log, the summary; once more, so that all is loaded."""
    for clips in (250, 2500, 10000):
        with tempfile.TemporaryDirectory() as folder, redirect_stderr(io.StringIO()):
            run: Run = compose(["stage=simulate", f"clips={clips}", f"outputs={folder}"])
            run.engine = Idle()
            walk(run, "")
            tracemalloc.start()
            before = tree_rss_mb(os.getpid())
            walk(run, "")
            grown, peak = tree_rss_mb(os.getpid()) - before, tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        told(f"memory {4 * clips} units", f"{peak / 1e6:.2f} MB at most, {grown:.0f} MB more resident than at first")


def cold() -> None:
    """The same clips with an empty kernel cache and with a warm one."""
    words = ["quick=true", "stage=simulate", "clips=4", "redraws=0", "run=cold", "engine.workers=4", "material=water"]
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for case in ("cold", "warm"):
            environment = {**os.environ, "WARP_CACHE_PATH": f"{folder}/kernels"}
            line = [sys.executable, "-m", "pipeline", *words, f"outputs={folder}/{case}"]
            cpu = children_cpu_seconds()
            done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
            files = sorted(Path(folder, case, "cold", "clips").rglob("*.*"))
            found.append([hashlib.sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()])
            told(f"cold: {case} cache", f"{children_cpu_seconds() - cpu:.0f} CPU s; {done.stderr.splitlines()[-1]}")
    told("cold", "same bytes" if found[0] == found[1] and found[0] else "OTHER BYTES")


def told(what: str, result: str) -> None:
    print(f"{what:24} {result}  (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores)", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1].startswith("--start="):
        first_steps(sys.argv[1].removeprefix("--start="))
    else:
        for name in sys.argv[1:] or ("overhead", "start", "scaling", "plan", "memory", "cold"):
            globals()[name]()
