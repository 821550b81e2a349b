"""A small review of real clips on the disk, and who decides in it, for tests of the server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import falling_disc
import numpy as np
import pytest
from starlette.testclient import TestClient

from pipeline import store
from pipeline.review import Review
from pipeline.review.decisions import FILE, Log
from pipeline.review.queue import FlowFile, Item, Shown, items
from pipeline.review.room import Room
from pipeline.review.server import application

SECRETS = ("truth", "swimmer", "drop-sand", "rgb.mkv", "preview")
"""Words that tell truth from generated, or where clips lie."""
PLAUSIBILITY = (10.0, 60.0, 90.0, 30.0)


def clip_on_disk(folder: Path, number: int, source: str) -> Shown:
    clip_id = f"drop-sand-{number:05d}"
    made = falling_disc.clip(clip_id, seed=number + 10 * (source != "truth"), size=48)
    clip = made if source == "truth" else replace(made, source=source, layers=None)
    store.save_clip(folder, store.key(clip_id, source), clip)
    entry = store.read_json(folder / store.CLIP)
    flow = (
        FlowFile(folder / "layers.npz", "forward_flow", entry["layers"]["forward_flow"]["steps_per_pixel"])
        if clip.layers
        else None
    )
    opinion = None
    if source != "truth":
        opinion = folder.with_suffix(".json")
        said = {
            "plausibility": PLAUSIBILITY[number],
            "parts": {},
            "per_frame": [float("nan"), *np.full(16, 50.0)],
            "gate": "",
        }
        store.write_json(opinion, {"judgements": [said]})
    caption = "a disc <b>falls</b>"
    return Shown(clip_id, source, 0, entry["files"]["rgb.mkv"], folder, 24.0, 17, (48, 48), caption, opinion, flow)


def pairs(folder: Path, count: int = 4) -> list[Item]:
    truths = [clip_on_disk(folder / f"t{number}", number, "truth") for number in range(count)]
    answers = [clip_on_disk(folder / f"g{number}", number, "swimmer") for number in range(count)]
    return items(truths, answers, ["pairs"])


def opened(folder: Path, found: list[Item], reviewer: str = "", **settings: object) -> Room:
    given = {"repeats": 0.0, "double": 1.0, **settings}
    return Room("walk", found, Log(folder / FILE), 0, Review(**given), reviewer)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    return pairs(tmp_path_factory.mktemp("clips"))


@pytest.fixture
def room(found: list[Item], tmp_path: Path) -> Room:
    return opened(tmp_path, found)


@pytest.fixture
def client(room: Room) -> TestClient:
    return TestClient(application(room), base_url="http://localhost")


@pytest.fixture
def seeing(found: list[Item], tmp_path: Path) -> TestClient:
    return TestClient(application(opened(tmp_path, found, blind=False)))


def first(client: TestClient, reviewer: str = "anna") -> dict[str, Any]:
    return client.get("/api/queue", params={"reviewer": reviewer}).json()["tasks"][0]  # type: ignore[no-any-return]


def verdict(task: str, side: str = "left", key: str = "key-00000000", **more: object) -> dict[str, object]:
    return {"key": key, "reviewer": "anna", "task": task, "side": side, "verdict": "approve", "seconds": 2.5, **more}


def decide_all(client: TestClient, reviewer: str, left: str = "approve", right: str = "reject") -> None:
    while tasks := client.get("/api/queue", params={"reviewer": reviewer}).json()["tasks"]:
        for side, said in (("left", left), ("right", right)):
            key = f"{reviewer}-{tasks[0]['task']}-{side}"
            sent = verdict(tasks[0]["task"], side, key, reviewer=reviewer, verdict=said)
            assert client.post("/api/decide", json=sent).status_code == 200
