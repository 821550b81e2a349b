"""One real run, small, that many tests look at."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def command() -> Command:
    """`command('stage=report', 'run=x')`: the command line, run from the repository's root."""

    def call(*overrides: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "pipeline", *overrides]
        return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)

    return call


@pytest.fixture(scope="session")
def outputs(tmp_path_factory: pytest.TempPathFactory, command: Command) -> Path:
    """Folder that holds the finished run 'walk': one scene each of sand, water and bare floor, coarse."""
    folder = tmp_path_factory.mktemp("outputs")
    # The record of the laws may be of another version of the solvers than those at work here.
    done = command("quick=true", f"outputs={folder}", "run=walk", "seed=0", "allow_unvalidated=true")
    assert done.returncode == 0, done.stderr
    return folder
