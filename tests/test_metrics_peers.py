"""The peers' scores under their own names give the peers' own numbers; their failures are theirs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from synthetic_takes import event

from pipeline.metrics import Metric, fvmd, physics_iq, pisa, ssim

GOLDEN = Path(__file__).parent / "golden"
"""A part of the fixtures of ../shared/parity, with values that the peers' public code gave."""
SHARED = Path(__file__).parents[2] / "shared" / "parity" / "physics_iq"
FREEZE_HALF_SAND_LEFT = {
    "spatiotemporal": 0.873333,
    "spatial": 0.733333,
    "weighted_spatial": 0.5,
    "mse": 0.000399,
    "var_spatial": 0.571429,
    "var_weighted_spatial": 0.509709,
    "var_spatiotemporal": 0.808333,
    "var_mse": 0.000173,
}


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    answer: dict[str, object] = json.loads(capsys.readouterr().out)
    return answer


@pytest.mark.parametrize("case", ["same", "shift10", "gravity80", "hover"])
def test_pisa_gives_its_published_figures(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(GOLDEN / "pisa" / f"{name}.npz") for name in ("truth", case)]
    pisa.main([*files, "--truth-fps", "120", "--generated-fps", "16"])
    got = told(capsys)
    expected = json.loads((GOLDEN / "pisa" / "expected.json").read_text())["expected"][case]
    assert {name: got[name] for name in expected} == pytest.approx(expected, abs=1e-9)


def test_pisa_rewards_vanishing_and_the_corrected_distance_does_not() -> None:
    truth = np.zeros((10, 32, 32), bool)
    truth[:, 10:16, 10:16] = True
    moved, vanished = np.roll(truth, 2, axis=2), truth.copy()
    vanished[5:] = False
    assert pisa.as_published(truth, vanished)["l2"] < pisa.as_published(truth, moved)["l2"]
    assert pisa.corrected_distance(truth, vanished).mean() > pisa.corrected_distance(truth, moved).mean()


def test_physics_iq_gives_its_published_figures(capsys: pytest.CaptureFixture[str]) -> None:
    physics_iq.main([str(GOLDEN / "physics_iq" / "real"), str(GOLDEN / "physics_iq" / "freeze_half")])
    got = told(capsys)
    assert got["samples"] == {"sand/left": pytest.approx(FREEZE_HALF_SAND_LEFT, abs=1e-6)}
    assert 0 <= got["verified"] <= 100  # type: ignore[operator]


@pytest.mark.skipif(not SHARED.exists(), reason="the whole fixture lies outside the repository")
@pytest.mark.parametrize("variant", ["plaus_alt", "teleport"])
def test_physics_iq_gives_its_published_scores(variant: str, capsys: pytest.CaptureFixture[str]) -> None:
    physics_iq.main([str(SHARED / "clips" / "real"), str(SHARED / "clips" / variant)])
    got = told(capsys)
    expected = json.loads((SHARED / "expected.json").read_text())["variants"][variant]
    assert got["verified"] == pytest.approx(expected["verified_score"], abs=0.02)
    assert got["original"] == pytest.approx(expected["original_score"], abs=0.02)


@pytest.mark.parametrize("metric", [physics_iq.PhysicsIq(), pisa.Pisa(), ssim.Ssim(), fvmd.Fvmd()])
def test_they_stand_on_the_shelf_but_not_in_the_judge(metric: Metric) -> None:
    assert metric.peer
    assert metric.compare(event().truth, event().truth).value == pytest.approx(0, abs=1e-6)
    assert metric.compare(event().truth, event().broken["reverse"]).value > 0.02


def test_bad_folders_and_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="expected videos"):
        physics_iq.main([str(tmp_path), str(tmp_path)])
    with pytest.raises(SystemExit, match=r"0004_perspective-left_sand.mp4, there is no such file"):
        physics_iq.main([str(GOLDEN / "physics_iq" / "real"), str(tmp_path)])
    with pytest.raises(SystemExit, match="no such file"):
        pisa.main([str(tmp_path / "a.npz"), str(tmp_path / "b.npz"), "--truth-fps", "1", "--generated-fps", "1"])
    np.savez(tmp_path / "a.npz", masks=np.zeros(3))
    with pytest.raises(SystemExit, match="must hold `mask`"):
        pisa.main([str(tmp_path / "a.npz"), str(tmp_path / "a.npz"), "--truth-fps", "1", "--generated-fps", "1"])


def test_similarity_is_one_for_the_same_picture_and_knows_no_motion() -> None:
    frames = event().truth.clip.frames
    assert ssim.similarity(frames[3], frames[3]) == pytest.approx(1)
    assert ssim.similarity(frames[3], 255 - frames[3]) < 0
    noisy = ssim.Ssim().compare(event().truth, event().harmless["noisier"]).value
    hovering = ssim.Ssim().compare(event().truth, event().broken["hover"]).value
    assert noisy > 0.3 * hovering, "a control: it takes noise for a change as grave as broken physics"


def test_the_distance_of_motion_is_between_sets_and_notices_what_moves_otherwise() -> None:
    metric = fvmd.Fvmd()
    truth, *others = [[metric.histories(take.flow.forward)] for take in (event().truth, *event().redraws)]
    redrawn = [one for other in others for one in other]
    assert fvmd.between(truth, truth) == pytest.approx(0, abs=1e-9)
    slow, stopped = ([metric.histories(event().broken[b].flow.forward)] for b in ("slow_motion", "copy_last"))
    assert fvmd.between(redrawn, truth) < min(fvmd.between(redrawn, slow), fvmd.between(redrawn, stopped))
    assert np.isnan(fvmd.between([truth[0][:1]], truth))
