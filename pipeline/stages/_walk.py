"""One command: hold the run folder, write down what was asked, climb the stairs, count."""

from __future__ import annotations

import importlib
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pipeline import store, video
from pipeline.models import Model
from pipeline.stages import WALK, Run, Tally
from pipeline.stages._forecast import forecast
from pipeline.stages._layout import as_made, planned
from pipeline.stages._log import seconds_spent
from pipeline.stages._pulse import beating, command, forget
from pipeline.stages._shards import note_shard, shard_of
from pipeline.stages._units import package_versions
from pipeline.stages.review import review
from pipeline.stages.status import status
from pipeline.stages.train import train
from pipeline.training import helps

BEGINNINGS = ("run", "simulate", "exam", "validate", "study")
"""Stages that a run can begin with."""
ROOT = Path(__file__).resolve().parents[2]


Ask = Callable[[Sequence[str]], Run]
"""The run that the command asks for with some more words on its line."""


def walk(run: Run, config: str, ask: Ask | None = None) -> int:
    """Do what the run asks for; `config` is its resolved configuration as YAML. A study needs to `ask` for more runs.

    Returns the exit status: 0, or 1 if some units failed.
    """
    if run.device == "cuda" and not run.dry and run.stage != "status":
        _require_cuda()
    # One may train on a set that was brought from elsewhere; the bench makes clips where there are none.
    brought = run.stage in ("train", "bench") or run.reference == "none"
    if run.stage not in (*BEGINNINGS, "status") and not brought:
        planned(run, "clips", "start with stage=simulate")  # or a slip of the pen would leave an empty run behind
    if run.dry:
        print("\n".join(forecast(run)))
        return 0
    if run.stage == "status":
        status(run)
    if run.stage == "train" and helps():  # `accelerate launch`: the first process holds the folder
        train(as_made(run))
        return 0
    if run.stage == "review":  # beside whatever else works in the folder: it changes nothing there but its own log
        review(as_made(run))
    with store.writing(run.folder):
        run.folder.mkdir(parents=True, exist_ok=True)
    part = shard_of(run).part
    with store.lock(run.folder, part):
        forget(run.folder)
        # On a network drive without locks a shard would take what the others are writing for left behind.
        if not part and run.stage != "verify":
            store.sweep(run.folder)
        with store.turn(run.folder):
            _sign(run, config)
        failed = _climb(run if run.stage in BEGINNINGS else as_made(run), ask)
        if not part and run.stage != "verify":
            store.sweep(run.folder)  # a worker that was killed left something, too
        return failed


def _climb(run: Run, ask: Ask | None) -> int:
    failed = 0
    more = (ask,) if run.stage == "study" else ()
    for stage in WALK if run.stage == "run" else (run.stage,):
        with beating(run.folder, command(), run.shard, stage):
            tally = getattr(importlib.import_module(f"pipeline.stages.{stage}"), stage)(run, *more)
        note(run, tally)
        failed += len(tally.failed)
        for name, error in tally.failed.items():
            print(f"{stage} {name}: {error}", file=sys.stderr)
        print(f"{stage}: {len(tally.done)} done ({tally.made} now), {len(tally.failed)} failed", file=sys.stderr)
    return 1 if failed else 0


def _sign(run: Run, config: str) -> None:
    """Write down what was asked for. Later stages add to what the clips were made with, they do not replace it."""
    path, made = run.folder / "provenance.json", provenance(run)
    if run.shard and path.exists():  # another shard has signed; that they are of one mind, stage=simulate makes sure
        return
    if run.stage in BEGINNINGS or not path.exists():
        store.write_text(run.folder / "config.yaml", config)
        store.write_json(path, made)
        return
    store.write_text(run.folder / f"config-{run.stage}.yaml", config)
    before = store.read_json(path)
    later = {**before.get("later", {}), run.stage: {"code": made["code"], "seed": run.seed, "device": run.device}}
    store.update_json(path, later=later, models={**before["models"], **made["models"]}, model=made["model"])


def _require_cuda() -> None:
    """Raises ValueError where there is no GPU, before anything is tried on it."""
    import torch

    if not torch.cuda.is_available():
        raise ValueError("device=cuda: expected a GPU that torch can use, got none; leave out device=cuda")


def note(run: Run, tally: Tally) -> None:
    """Enter a stage's tally into summary.json."""
    spent = seconds_spent(run, tally)
    row = {"done": len(tally.done), "failed": len(tally.failed), **spent, "failures": tally.failed}
    path = run.folder / "summary.json"
    with store.turn(run.folder):
        row = note_shard(run, tally, spent) if run.shard else row
        summary = store.read_json(path) if path.exists() else {}
        summary.setdefault("stages", {})[tally.stage] = row
        store.write_json(path, summary)


def provenance(run: Run) -> dict[str, Any]:
    """Where the run's results come from: code, locked packages, seeds, models, codec, machine."""
    lock = ROOT / "constraints.txt"
    return {
        "code": {"revision": _git("rev-parse", "HEAD"), "dirty": bool(_git("status", "--porcelain"))},
        "lock_sha256": store.sha256(lock) if lock.exists() else "",
        "seed": run.seed,
        "models": {name: {"fingerprint": _fingerprint(run, model)} for name, model in run.models.items()},
        "model": run.model.called,
        "codec": {"rgb": video.LOSSLESS, "preview": video.PREVIEW},
        "device": run.device,
        "quick": run.quick,
        "python": platform.python_version(),
        "packages": package_versions(),
    }


def _fingerprint(run: Run, model: Model) -> str:
    """Empty if the weights are not there and not needed. Raises OSError if they are."""
    try:
        return model.fingerprint()
    except OSError:
        if run.stage in ("run", "generate"):
            raise
        return ""


def _git(*arguments: str) -> str:
    """Answer of git about this checkout; empty where there is none."""
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
