"""stage=curate from outside: settings on the command line, what it writes, what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline import store
from pipeline.app import compose


@pytest.fixture
def copy(outputs: Path, tmp_path: Path) -> Path:
    """Outputs with what stage=curate reads of the finished run."""
    run = tmp_path / "walk"
    run.mkdir()
    for name in ("clips", "redraws", "scores"):
        (run / name).symlink_to((outputs / "walk" / name).resolve(), target_is_directory=True)
    for name in ("plan.json", "summary.json", "curation.jsonl", "provenance.json", "config.yaml"):
        shutil.copy(outputs / "walk" / name, run / name)
    return tmp_path


def table(folder: Path) -> dict[str, dict[str, Any]]:
    rows = map(json.loads, (folder / "walk" / "curation.jsonl").read_text().splitlines())
    return {row["clip_id"]: row for row in rows}


def test_the_summary_counts_every_cell_and_the_rows_have_all_that_a_trainer_follows(outputs: Path) -> None:
    told = store.read_json(outputs / "walk" / "summary.json")["curated"]
    rows = table(outputs)
    assert told["accepted"] + told["rejected"] == len(rows) == 3
    assert sum(cell["accepted"] for cell in told["cells"].values()) == told["accepted"]
    assert set(told["cells"]) == {"drop/sand/primary", "drop/water/primary", "drop/none/kindergarten"}
    assert isinstance(told["notes"], list)
    for row in rows.values():
        assert row["reasons"]
        assert (row["weight"] > 0) == row["accepted"]
        assert (row["position"] is not None) == (row["split"] == "train")
    measured = store.read_json(outputs / "walk" / "checks" / "drop-sand-00000" / "checks.json")
    assert len(measured["likeness"]) == 160
    assert "likeness" not in rows["drop-sand-00000"]["checks"]


def test_settings_reach_the_rule_and_the_same_command_again_changes_no_byte(command, copy: Path) -> None:
    asked = (
        "stage=curate", "run=walk", f"outputs={copy}", "curation.quotas=[drop/water:0,each/sand/*:1]",
        "curation.held_out=[*/none]", "curation.max_plausibility=100", "curation.weight_exponent=1",
        "curation.min_medium_share=0", "curation.validation=0", "curation.test=0",
    )  # fmt: skip
    written = []
    for _ in range(2):
        done = command(*asked)
        assert done.returncode == 0, done.stderr
        written.append((copy / "walk" / "curation.jsonl").read_bytes())
    assert written[0] == written[1]
    rows = table(copy)
    assert "quota drop/water/*: all 0 places are taken" in rows["drop-water-00001"]["reasons"][-1]
    assert "quota drop/sand/*: place 1 of 1" in " ".join(rows["drop-sand-00000"]["reasons"])
    assert rows["drop-none-00002"]["split"] == "test"
    assert rows["drop-sand-00000"]["position"] == 0


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("curation.quotas=[drpo:3]", "no scenario is called 'drpo' (in drpo/*/*); there are chair_in_sand, conveyor"),
        ("curation.held_out=[*/grit]", "no material is called 'grit'"),
    ],
)
def test_a_wrong_name_is_refused_before_any_work(command, copy: Path, wrong: str, told: str) -> None:
    done = command("stage=curate", "run=walk", f"outputs={copy}", wrong)
    assert done.returncode == 2
    assert told in done.stderr
    assert not (copy / "walk" / "checks").exists()


def test_quotas_are_read_by_name() -> None:
    run = compose(["curation.quotas=[drop/sand/*:20,each/*/high:5]", "curation.train_size=64"])
    assert run.curation.quotas == ["drop/sand/*:20", "each/*/high:5"]
