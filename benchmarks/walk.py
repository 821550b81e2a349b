"""How long the whole walk takes: a first run into an empty folder, and the same command again.

    python benchmarks/walk.py [key=value ...]      e.g. quick=true

Prints and writes rows {stage, case, device, cpu_seconds, wall_seconds, peak_rss_mb, work, unit, per_second} to
outputs/bench/bench.json. CPU seconds are those of the command and all its workers; peak memory is the largest sum of
resident sizes over the command's process tree, sampled four times a second.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "outputs" / "bench"


def tree_rss_mb(root: int) -> float:
    """Resident memory of a process and its descendants [MB], from /proc."""
    parents, resident = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue  # it ended while we looked
            parents[int(entry.name)], resident[int(entry.name)] = int(fields[1]), int(fields[21])
    family = {root}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    return sum(resident.get(one, 0) for one in family) * resource.getpagesize() / 1e6


def measure(case: str, *overrides: str) -> list[dict[str, Any]]:
    """Run the walk once; one row for the whole command and one for each stage."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start, peak = time.monotonic(), 0.0
    walk = subprocess.Popen([sys.executable, "-m", "pipeline", f"outputs={FOLDER}", "run=walk", *overrides], cwd=ROOT)
    while walk.poll() is None:
        peak = max(peak, tree_rss_mb(walk.pid))
        time.sleep(0.25)
    if walk.returncode:
        raise SystemExit(f"{case}: the walk ended with status {walk.returncode}")
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    summary = json.loads((FOLDER / "walk" / "summary.json").read_text())
    clips = summary["export"]["clips"]
    rows = [row("run", case, cpu, wall, round(peak), clips, "clip")]
    if case == "first":
        for stage, spent in summary["stages"].items():
            rows.append(row(stage, case, spent["cpu_seconds"], spent["wall_seconds"], None, spent["done"], "unit"))
    return rows


def row(stage: str, case: str, cpu: float, wall: float, peak: float | None, work: int, unit: str) -> dict[str, Any]:
    return {
        "stage": stage,
        "case": case,
        "device": "cpu",
        "cpu_seconds": round(cpu, 2),
        "wall_seconds": round(wall, 2),
        "peak_rss_mb": peak,
        "work": work,
        "unit": unit,
        "per_second": round(work / wall, 4) if wall else None,
    }


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    rows = [*measure("first", *sys.argv[1:]), *measure("untouched", *sys.argv[1:])]
    (FOLDER / "bench.json").write_text(json.dumps(rows, indent=1) + "\n")
    for one in rows:
        print("  ".join(f"{value!s:>10}" for value in one.values()))


if __name__ == "__main__":
    main()
