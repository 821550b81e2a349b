"""The page's server: what it tells, to whom, and how quickly. test_review_hostile.py has what no request can do."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import review_room
from review_room import decide_all, first, verdict
from starlette.testclient import TestClient

from pipeline import store
from pipeline.review import overlays
from pipeline.review.queue import FlowFile, Item
from pipeline.review.room import Room
from pipeline.review.server import application

# pytest finds fixtures by their names in this module
found, room, client, seeing = review_room.found, review_room.room, review_room.client, review_room.seeing


def test_a_decision_carries_everything_and_undo_opens_the_task_again(client: TestClient, room: Room) -> None:
    task = first(client)
    note = "<script>alert(1)</script> & \u2603"
    sent = verdict(task["task"], reasons=["melts", "other"], note=note)
    assert client.post("/api/decide", json=sent).json() == {"number": 1}
    assert client.post("/api/decide", json=sent).json() == {"number": 1}  # sent again
    (row,) = room.log.standing()
    clip = room.side("anna", task["task"], "left")
    assert row.clip == clip.clip
    assert row.clip_hash == json.loads((clip.folder / "clip.json").read_text())["files"]["rgb.mkv"]
    assert (row.reviewer, row.verdict, row.reasons, row.note) == ("anna", "approve", ("melts", "other"), note)
    assert (row.seconds, row.side, row.kind, row.blind) == (2.5, "left", "pair", True)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", row.time)
    assert [side["verdict"] for side in first(client)["sides"]] == ["approve", ""]
    undone = client.post("/api/undo", json={"key": "key-undo", "reviewer": "anna"}).json()
    assert undone == {"number": 1, "act": "decide", "task": task["task"], "side": "left"}
    assert [side["verdict"] for side in first(client)["sides"]] == ["", ""]
    assert len(room.log.everything()) == 2


def test_two_reviewers_progress_disputes_adjudication_and_agreement(client: TestClient, room: Room) -> None:
    decide_all(client, "anna")
    decide_all(client, "ben", "reject", "approve")
    told = client.get("/api/queue", params={"reviewer": "anna"}).json()
    assert (told["done"], told["total"], told["tasks"]) == (4, 4, [])
    listed = client.get("/api/list", params={"reviewer": "anna"}).json()["tasks"]
    assert [row["verdicts"] for row in listed] == [["approve", "reject"]] * 4
    disputes = client.get("/api/disputes").json()["disputes"]
    agreed = client.get("/api/agreement").json()
    assert agreed["clips"] == 8
    assert agreed["raw"]["value"] == 1 - len(disputes) / 8
    assert agreed["tau"]["n"] == 4
    assert agreed["disputes"] == len(disputes) > 0
    sent = {"key": "key-last-word", "reviewer": "carla", "clip": disputes[0]["clip"], "verdict": "reject", "note": "no"}
    assert client.post("/api/adjudicate", json=sent).status_code == 200
    assert len(client.get("/api/disputes").json()["disputes"]) == len(disputes) - 1
    assert client.get(f"/media/{disputes[0]['clip']}").content[4:8] == b"ftyp"
    assert room.log.standing()[-1].act == "adjudicate"


def test_a_blind_review_tells_nothing(client: TestClient, found: list[Item]) -> None:
    decide_all(client, "anna")
    decide_all(client, "ben", "reject", "approve")
    client.post("/api/undo", json={"key": "key-undo", "reviewer": "anna"})
    task = first(client)["task"]
    answers = [
        client.get(f"/api/{name}", params={"reviewer": "anna"}) for name in ("session", "queue", "list", "disputes")
    ]
    answers.append(client.get("/api/task", params={"reviewer": "anna", "task": task}))
    media = [client.get(f"/media/anna/{task}/{side}") for side in ("left", "right")]
    hashes = [side.hash for item in found for side in item.sides]
    for answer in answers:
        assert answer.status_code == 200
        assert not [word for word in [*review_room.SECRETS, *hashes] if word in answer.text]
    for answer in media:
        told = str(dict(answer.headers))
        assert not [word for word in [*review_room.SECRETS, *hashes] if word in told]
        assert answer.headers["last-modified"].endswith("1970 00:00:00 GMT")
    for name in ("flow", "scores"):
        refused = client.get(f"/api/{name}", params={"reviewer": "anna", "task": task, "side": "left"})
        assert refused.status_code == 403


def test_overlays_are_the_flow_and_the_judgement(seeing: TestClient, found: list[Item]) -> None:
    task = first(seeing)
    names = {side["name"]: side for side in task["sides"]}
    (truth,) = (side for name, side in names.items() if name.endswith("truth"))
    (answer,) = (side for name, side in names.items() if name.endswith("swimmer"))
    assert (truth["flow"], truth["scores"], answer["flow"], answer["scores"]) == (True, False, False, True)
    asked = {"reviewer": "anna", "task": task["task"]}
    packed = seeing.get("/api/flow", params={**asked, "side": truth["side"]}).content
    head, flow = np.frombuffer(packed[:16], "<i4"), np.frombuffer(packed[16:], "<f4")
    assert head.tolist() == [17, 24, 24, 2]
    clip = next(item.sides[0] for item in found if names.keys() & {f"{item.sides[0].clip_id} / truth"})
    with np.load(clip.folder / "layers.npz") as arrays:
        exact = arrays["forward_flow"][:, 1::2, 1::2] / 64
    assert np.array_equal(flow.reshape(17, 24, 24, 2), exact.astype(np.float32))
    assert np.abs(flow).max() > 0.5
    scores = seeing.get("/api/scores", params={**asked, "side": answer["side"]}).json()
    assert scores["plausibility"] in review_room.PLAUSIBILITY
    assert scores["per_frame"][:2] == [None, 50.0]
    assert seeing.get("/api/scores", params={**asked, "side": truth["side"]}).status_code == 404
    assert seeing.get("/api/flow", params={**asked, "side": answer["side"]}).status_code == 404


def test_flow_is_thinned_to_a_grid_however_large_the_clip_is(tmp_path: Path) -> None:
    flow = np.random.default_rng(0).normal(size=(3, 100, 200, 2)).astype(np.float32)
    flow[0, 3, 3] = np.nan
    store.write_arrays(tmp_path / "flow.npz", {"forward": flow})
    thin = overlays.thinned(FlowFile(tmp_path / "flow.npz", "forward"))
    assert thin.shape == (3, 14, 29, 2)
    assert np.array_equal(thin, np.nan_to_num(flow[:, 3::7, 3::7]))


def test_ranges(client: TestClient, room: Room) -> None:
    task = first(client)["task"]
    path = f"/media/anna/{task}/left"
    whole = client.get(path)
    assert whole.content == (room.side("anna", task, "left").folder / "preview.mp4").read_bytes()
    assert whole.headers["accept-ranges"] == "bytes"
    size = len(whole.content)
    for asked, part in {"0-99": slice(0, 100), "100-": slice(100, None), "-7": slice(size - 7, None)}.items():
        answer = client.get(path, headers={"range": f"bytes={asked}"})
        assert answer.status_code == 206
        assert answer.content == whole.content[part]
        assert answer.headers["content-range"].endswith(f"/{size}")
    beyond = client.get(path, headers={"range": f"bytes={size}-"})
    assert beyond.status_code == 416


def test_a_clip_that_was_made_anew_takes_no_verdict(found: list[Item], tmp_path: Path) -> None:
    anew = review_room.pairs(tmp_path / "clips", 1)
    client = TestClient(application(review_room.opened(tmp_path, anew)))
    task = first(client)
    for shown in anew[0].sides:
        (shown.folder / "clip.json").write_text('{"files": {"rgb.mkv": "other"}}')
    refused = client.post("/api/decide", json=verdict(task["task"]))
    assert refused.status_code == 409
    assert "start the review again" in refused.json()["error"]


def test_a_thousand_clips_are_listed_without_delay(found: list[Item], tmp_path: Path) -> None:
    many = [
        Item(tuple(replace(side, clip_id=f"{side.clip_id}-{number}") for side in found[number % 4].sides))
        for number in range(1000)
    ]
    client = TestClient(application(review_room.opened(tmp_path, many)))
    client.get("/api/list", params={"reviewer": "anna"})
    begun = time.process_time()
    assert len(client.get("/api/list", params={"reviewer": "anna"}).json()["tasks"]) == 1000
    assert time.process_time() - begun < 0.5
    begun = time.process_time()
    first(client)
    assert time.process_time() - begun < 0.2
