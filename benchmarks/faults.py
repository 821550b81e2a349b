"""Many small clips on two workers that are killed again and again, and so is the command: what is left of it?

    python benchmarks/faults.py [clips] [folder]      from the repository's root; 200 clips unless said otherwise

Every 20 s one worker is killed by SIGKILL, and three times, spread over the run, the command itself, which is then
given again. Beside it the same clips are made by one undisturbed serial command. At the end every clip must be there,
made once, with the same bytes. Prints what was done and found; exit status 1 if anything is wrong.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SMALL = ["quick=true", "stage=simulate", "material=none", "redraws=0", "height=32", "width=32", "num_frames=9"]
SMALL += ["prompt_frames=2", "run=faults"]
EVERY = 20.0
"""Time between two kills of a worker [s]."""


def start(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    line = [sys.executable, "-m", "pipeline", *SMALL, f"outputs={folder}", *words]
    return subprocess.Popen(line, cwd=ROOT, stderr=(folder / "stderr.txt").open("ab"), start_new_session=True)


def workers(parent: int) -> list[int]:
    """Its children that do clips: the resource tracker of multiprocessing is none."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            mine = int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent
            if mine and b"spawn_main" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


def clips(folder: Path) -> dict[str, str]:
    """Name -> SHA-256 over all files of each clip."""
    found = {}
    for clip in sorted((folder / "faults" / "clips").glob("*/clip.json")):
        digest = hashlib.sha256()
        for file in sorted(clip.parent.iterdir()):
            digest.update(file.name.encode() + file.read_bytes())
        found[clip.parent.name] = digest.hexdigest()
    return found


def disturbed(folder: Path, count: int) -> tuple[int, int]:
    """Run to the end through all faults; kills of workers and of the command."""
    chance, killed, commands = random.Random(0), 0, 0
    marks = [count // 5, count * 2 // 5, count * 3 // 5]
    process, last = start(folder, f"clips={count}", "engine.workers=2"), time.monotonic()
    while True:
        if process.poll() is not None:
            if process.returncode == 0 and not marks:
                return killed, commands
            time.sleep(0.5)  # workers of a killed command let go by themselves
            process = start(folder, f"clips={count}", "engine.workers=2")
        done = len(list((folder / "faults" / "clips").glob("*/clip.json")))
        if marks and done >= marks[0]:
            marks.pop(0)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            commands += 1
            continue
        if time.monotonic() - last > EVERY and (there := workers(process.pid)):
            os.kill(chance.choice(there), signal.SIGKILL)
            killed, last = killed + 1, time.monotonic()
        time.sleep(0.1)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else ROOT / "outputs" / "faults"
    shutil.rmtree(folder, ignore_errors=True)
    rough, calm = folder / "rough", folder / "calm"
    for path in (rough, calm):
        path.mkdir(parents=True)
    begun = time.monotonic()
    killed, commands = disturbed(rough, count)
    wall = time.monotonic() - begun
    assert start(calm, f"clips={count}", "engine=serial").wait() == 0
    made, wanted = clips(rough), clips(calm)
    rows = [
        json.loads(line) for line in (rough / "faults" / "log.jsonl").read_text().splitlines() if line.endswith("}")
    ]
    times = [sum(row["unit"] == name and not row["error"] for row in rows) for name in wanted]
    tried = sum(row["attempts"] > 1 for row in rows)
    left = list(rough.rglob("*.tmp"))
    print(f"{count} clips in {wall:.0f} s: {killed} workers and {commands} commands killed, {tried} clips tried again")
    print(
        f"there {len(made)} of {len(wanted)}, same bytes {sum(made.get(name) == one for name, one in wanted.items())}"
    )
    print(f"in the log once {times.count(1)}, more than once {sum(one > 1 for one in times)}; left behind {len(left)}")
    good = made == wanted and len(made) == count and max(times) <= 1 and not left
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
