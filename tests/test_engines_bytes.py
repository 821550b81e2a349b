"""A clip is the same to the byte whichever engine made it."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_every_engine import WITH_PROCESSES, made
from test_stages_walk import fingerprints

from pipeline.app import compose
from pipeline.stages import Run
from pipeline.stages._walk import walk

BARE = ("quick=true", "stage=simulate", "material=none", "run=bare", "clips=2", "redraws=0", "height=32", "width=32")


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    outputs = tmp_path_factory.mktemp("serial")
    assert walk(compose([*BARE, "engine=serial", f"outputs={outputs}"]), "") == 0
    return fingerprints(outputs / "bare" / "clips")


@pytest.mark.parametrize("name", WITH_PROCESSES)
def test_every_engine_makes_the_same_bytes(name: str, serial: dict[str, str], tmp_path: Path) -> None:
    run: Run = compose([*BARE, f"outputs={tmp_path}"])
    run.engine = made(name, tmp_path, threads=1)
    assert walk(run, "") == 0
    assert fingerprints(tmp_path / "bare" / "clips") == serial
