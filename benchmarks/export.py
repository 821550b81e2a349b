"""How long the export of many small clips takes, and how much memory.

    python benchmarks/export.py [clips=1000] [folder=outputs/bench]

Six clips of 17 frames, 64 x 64 px are simulated and taken again and again under other names and seeds (their files are
hard links). Then `stage=export` writes the default layouts, finds them untouched, and writes Parquet and the trainers'
indexes. Prints rows as benchmarks/walk.py does and adds them to bench.json in the folder; peak memory is that of the
command and all its workers.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from walk import ROOT, row, tree_rss_mb

BASE = ("quick=true", "run=export", "clips=6", "redraws=0", "scenario=drop", "allow_unvalidated=true")
INDEXES = "exporters=[parquet,diffsynth,musubi,finetrainers,ltx,cosmos]"
SPLITS = ("train",) * 8 + ("validation", "test")


def command(folder: Path, *overrides: str) -> list[str]:
    return [sys.executable, "-m", "pipeline", f"outputs={folder}", *BASE, *overrides]


def multiply(run: Path, clips: int) -> None:
    """Clips enough, all accepted: every one has the files of one of the first six, and a name and a seed of its own."""
    plan = json.loads((run / "plan.json").read_text())
    first = plan["clips"]
    plan["clips"], verdicts = [], []
    for number in range(clips):
        source = run / "clips" / first[number % len(first)]["clip_id"]
        told = json.loads((source / "clip.json").read_text())
        name = f"{source.name.rsplit('-', 1)[0]}-{number:05d}"
        if number >= len(first):
            told["clip_id"] = told["scene"]["clip_id"] = name
            told["key"], told["scene"]["seed"] = f"{number:064x}", number
            shutil.copytree(source, source.with_name(name), copy_function=os.link, dirs_exist_ok=True)
            (source.with_name(name) / "clip.json").unlink()
            (source.with_name(name) / "clip.json").write_text(json.dumps(told))
        plan["clips"].append({"clip_id": name, "keys": [told["key"]]})
        verdicts.append(
            {
                "clip_id": name,
                "accepted": True,
                "split": SPLITS[number % len(SPLITS)],
                "by": "rule",
                "reasons": ["a benchmark"],
                "material": name.split("-")[1],
                "seed": number,
            }
        )
    (run / "plan.json").write_text(json.dumps(plan))
    (run / "curation.jsonl").write_text("".join(json.dumps(one) + "\n" for one in verdicts))


def measure(folder: Path, case: str, *overrides: str) -> dict[str, Any]:
    """Run the export once."""
    before, start, peak = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic(), 0.0
    export = subprocess.Popen(command(folder, "stage=export", *overrides), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while export.poll() is None:
        peak = max(peak, tree_rss_mb(export.pid))
        time.sleep(0.25)
    if export.returncode:
        raise SystemExit(f"{case}: the export ended with status {export.returncode}: {export.communicate()[1]}")
    wall, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    clips = json.loads((folder / "export" / "summary.json").read_text())["export"]["clips"]
    return row("export", case, cpu, wall, round(peak), clips, "clip")


def main() -> None:
    chosen = dict(word.split("=", 1) for word in sys.argv[1:])
    folder = Path(chosen.get("folder", ROOT / "outputs" / "bench")).resolve()
    shutil.rmtree(folder / "export", ignore_errors=True)
    subprocess.run(command(folder, "stage=simulate"), cwd=ROOT, check=True)
    multiply(folder / "export", int(chosen.get("clips", "1000")))
    rows = [
        measure(folder, "videofolder and webdataset"),
        measure(folder, "untouched"),
        measure(folder, "parquet and five indexes", INDEXES),
    ]
    path = folder / "bench.json"
    before = json.loads(path.read_text()) if path.exists() else []
    path.write_text(json.dumps([*(one for one in before if one["stage"] != "export"), *rows], indent=1) + "\n")
    for one in rows:
        print("  ".join(f"{value!s:>10}" for value in one.values()))


if __name__ == "__main__":
    main()
