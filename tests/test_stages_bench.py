"""The bench through the front door: rows, page, and errors that mean what they say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.app import compose
from pipeline.stages._walk import walk
from pipeline.stages.bench import MOVING, endpoint_errors
from pipeline.types import Layers

COLUMNS = {
    "stage", "case", "device", "cpu_seconds", "wall_seconds", "peak_rss_mb", "work", "unit", "per_second", "material",
    "estimator", "error", "error_moving", "error_occluded",
}  # fmt: skip
SMALL = ("quick=true", "clips=1", "redraws=1", "num_frames=6", "height=32", "width=32", "engine=serial")


@pytest.mark.filterwarnings("ignore:flow raft. no weights")
def test_a_new_run_is_simulated_and_measured_and_the_next_command_measures_nothing_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    asked = [f"outputs={tmp_path}", "run=bench", "stage=bench", "material=water", *SMALL]
    assert walk(compose(asked), "") == 0
    rows = json.loads((tmp_path / "bench" / "bench.json").read_text())
    assert all(set(row) == COLUMNS for row in rows)
    examined = {row["case"]: row for row in rows if row["unit"] == "pair"}
    assert set(examined) == {
        f"{name} on {what}" for name in ("dis", "farneback") for what in ("every material", "water")
    }
    for row in examined.values():
        assert row["work"] == 5
        assert row["error_moving"] >= row["error"] > 0
        assert row["estimator"].startswith(row["case"].split()[0])
    stages = [row for row in rows if row["unit"] == "frame"]
    assert [row["stage"] for row in stages] == ["simulate", "render", "flow", "score"]
    assert {row["work"] for row in stages} == {6}
    for row in rows:
        assert min(row[key] for key in ("cpu_seconds", "wall_seconds", "peak_rss_mb", "per_second")) > 0
    page = (tmp_path / "bench" / "bench.html").read_text()
    assert all(
        word in page for word in ("QUICK RUN", "farneback", "<code>raft</code> is left out", "<code>exact</code>")
    )
    assert 'src="http' not in page
    capsys.readouterr()
    assert walk(compose(asked), "") == 0
    assert "bench: 3 done (0 now), 0 failed" in capsys.readouterr().err
    assert json.loads((tmp_path / "bench" / "bench.json").read_text()) == rows


def layers(speed: float) -> Layers:
    """Of a clip (3, 8, 10): the right half moves to the left, its first column hides what is before it."""
    shape = (3, 8, 10)
    flow, occluded, valid = np.zeros((*shape, 2), np.float32), np.zeros(shape, bool), np.ones(shape, bool)
    flow[:2, :, 5:, 0], occluded[:2, :, 4], valid[:, 0] = -speed, True, False
    nothing = np.zeros(shape)
    return Layers(
        depth=nothing.astype(np.float32),
        normal=np.zeros((*shape, 3), np.float16),
        segmentation=nothing.astype(np.uint16),
        material=nothing.astype(np.uint8),
        particle=nothing.astype(np.int32),
        object_coordinates=np.zeros((*shape, 3), np.float16),
        forward_flow=flow,
        backward_flow=np.zeros_like(flow),
        forward_occluded=occluded,
        backward_occluded=occluded,
        valid=valid,
    )


def test_errors_are_those_of_their_pixels() -> None:
    truth = layers(speed=2.0)
    true = truth.forward_flow[:-1]
    counts = {"all": 2 * 7 * 10, "moving": 2 * 7 * 5, "occluded": 2 * 7}
    assert endpoint_errors(true, truth) == {kind: (0.0, count) for kind, count in counts.items()}
    still = endpoint_errors(np.zeros_like(true), truth)
    assert still == {"all": (140.0, 140), "moving": (140.0, 70), "occluded": (0.0, 14)}
    shifted = endpoint_errors(true + np.array([0.3, 0.4], np.float32), truth)
    assert all(total == pytest.approx(0.5 * count) for total, count in shifted.values())
    assert endpoint_errors(true, layers(speed=0.9 * MOVING))["moving"] == (0.0, 0)


def test_flows_are_chosen_on_the_command_line() -> None:
    run = compose(["stage=bench", "flows=[farneback]", "flows.farneback.window=21", "device=cuda"])
    assert list(run.flows) == ["farneback"]
    assert run.flows["farneback"].window == 21  # type: ignore[attr-defined]
    assert compose(["device=cuda"]).flows["raft"].device == "cuda"  # type: ignore[attr-defined]
