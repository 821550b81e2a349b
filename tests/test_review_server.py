"""The page's server: what it tells, whom it lets in, and what no request can do."""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import review_room
from starlette.testclient import TestClient

from pipeline.review import Review, overlays
from pipeline.review.__main__ import Brief, main
from pipeline.review._guard import LARGEST
from pipeline.review.decisions import FILE, read
from pipeline.review.queue import Item
from pipeline.review.room import Room
from pipeline.review.server import application


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    return review_room.pairs(tmp_path_factory.mktemp("clips"))


@pytest.fixture
def room(found: list[Item], tmp_path: Path) -> Room:
    return review_room.room(tmp_path, found)


@pytest.fixture
def client(room: Room) -> TestClient:
    return TestClient(application(room), base_url="http://localhost")


@pytest.fixture
def seeing(found: list[Item], tmp_path: Path) -> TestClient:
    return TestClient(application(review_room.room(tmp_path, found, blind=False)))


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
    from pipeline import store
    from pipeline.review.queue import FlowFile

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


BAD_RANGES = [
    "bytes=5-2",
    "bytes=a-b",
    "bytes=",
    "bytes=-",
    "bytes=--5",
    "bytes=-0",
    "lines=0-1",
    "bytes=1e3-",
    "bytes=0-99999999999999999999999999",
    "bytes=99999999999999999999-",
    "bytes=" + ",".join(f"{2 * n}-{2 * n}" for n in range(3000)),
    "bytes=" + "0-," * 3000,
    "bytes=\u0663-\u0665",
]


@pytest.mark.parametrize("bad", BAD_RANGES, ids=range(len(BAD_RANGES)))
def test_bad_ranges_get_an_answer_and_never_more_than_the_file(client: TestClient, bad: str) -> None:
    path = f"/media/anna/{first(client)['task']}/left"
    size = len(client.get(path).content)
    begun = time.process_time()
    answer = client.get(path, headers={"range": bad.encode()})
    assert answer.status_code in (200, 206, 400, 416)
    assert len(answer.content) < 200 * size
    assert time.process_time() - begun < 2.0


OUTSIDE = [
    "/media/anna/../../decisions.sqlite",
    "/media/anna/%2e%2e/%2e%2e/decisions.sqlite",
    "/media/anna/..%2f..%2f..%2fdecisions.sqlite/left",
    "/media/anna/{task}/..%2f..%2fclip.json",
    "/media/anna/{task}/left/../clip.json",
    "/media/anna/{task}/left%00.mkv",
    "/media/..%2f..%2fdecisions.sqlite",
    "/media//etc/passwd",
    "/..%2f..%2fpyproject.toml",
    "/%2e%2e/server.py",
    "/server.py",
    "/decisions.py",
    "/page.js%00",
    "/....//page.js",
    "//etc/passwd",
    "/etc/passwd",
    "/docs",
    "/openapi.json",
    "/api/task?reviewer=..%2f&task=x",
    "/api/queue?reviewer=..%2f..%2fetc",
    "/api/queue?reviewer=<script>",
]


@pytest.mark.parametrize("path", OUTSIDE)
def test_no_path_leads_out(client: TestClient, path: str) -> None:
    answer = client.get(path.format(task=first(client)["task"]))
    assert answer.status_code in (400, 404, 422)
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()) <= {"error", "detail"}


HOSTILE: dict[str, dict[str, object]] = {
    "an unknown verdict": {"verdict": "accept"},
    "an unknown reason": {"reasons": ["ugly"]},
    "a thousand reasons": {"reasons": ["melts"] * 1000},
    "a long note": {"note": "x" * 1001},
    "negative seconds": {"seconds": -1},
    "seconds beyond a day": {"seconds": 1e9},
    "seconds in words": {"seconds": "3"},
    "a short key": {"key": "1"},
    "a key with SQL": {"key": "a'; DROP TABLE decisions;--"},
    "a key that is no text": {"key": ["key-00000000"]},
    "a path as task": {"task": "../../../etc/x"},
    "an unknown task": {"task": "0" * 16},
    "a side that is not there": {"side": "only"},
    "a script as reviewer": {"reviewer": "<script>"},
    "the rule as reviewer": {"reviewer": "rule"},
    "a long reviewer": {"reviewer": "a" * 5000},
    "another's task": {"reviewer": "ben"},
    "more than asked": {"number": 7},
    "a clip hash of one's own": {"clip_hash": "0" * 64},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_decision_is_refused_in_words_and_leaves_nothing(client: TestClient, room: Room, name: str) -> None:
    answer = client.post("/api/decide", json={**verdict(first(client)["task"]), **HOSTILE[name]})
    assert answer.status_code in (400, 404, 422)
    assert answer.json()["error"]
    assert room.log.everything() == []


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"seconds": NaN}', b"[" * 8000, b'{"a":' * 2000, b"1" * 9000]
)
def test_what_is_no_json_is_refused(client: TestClient, room: Room, body: bytes) -> None:
    answer = client.post("/api/decide", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert room.log.everything() == []


def test_nan_is_no_duration(client: TestClient, room: Room) -> None:
    body = json.dumps({**verdict(first(client)["task"]), "seconds": float("nan")})
    assert client.post("/api/decide", content=body, headers={"content-type": "application/json"}).status_code == 422
    assert room.log.everything() == []


def test_a_huge_body_is_refused_before_it_is_read(client: TestClient, room: Room) -> None:
    kind = {"content-type": "application/json"}
    told = client.post("/api/decide", content=b"x" * (LARGEST + 1), headers=kind)
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b"x" * 4096

    untold = client.post("/api/decide", content=endless(), headers=kind)
    odd = client.post("/api/decide", content=b"{}", headers={**kind, "content-length": "-5"})
    assert (told.status_code, untold.status_code, odd.status_code) == (413, 413, 413)
    assert room.log.everything() == []


def test_strangers_stay_outside(room: Room) -> None:
    token = "a-token-of-some-length"
    client = TestClient(application(room, token), base_url="http://192.0.2.1:8765", follow_redirects=False)
    wrong = ["", "wrong", token[:-1], token + "x", token.upper(), "\u2603", "x" * 3000]
    paths = ["/", "/page.js", "/api/session", "/api/queue?reviewer=anna", "/media/anna/x/left"]
    for path in paths:
        assert client.get(path).status_code == 401
        for told in wrong:
            bearer = {"authorization": f"Bearer {told}".encode(), "cookie": f"review={told}".encode()}
            assert client.get(path, headers=bearer).status_code == 401
            assert client.get(path, params={"token": told}).status_code == 401
    assert client.post("/api/undo", json={"key": "key-00000000", "reviewer": "anna"}).status_code == 401
    let_in = client.get("/", params={"token": token})
    assert (let_in.status_code, let_in.headers["location"]) == (303, "/")
    assert "HttpOnly" in let_in.headers["set-cookie"]
    assert "SameSite=Strict" in let_in.headers["set-cookie"]
    assert client.get("/api/session").status_code == 200  # with the cookie
    alone = TestClient(application(room, token), base_url="http://192.0.2.1:8765")
    assert alone.get("/api/session", headers={"authorization": f"Bearer {token}"}).status_code == 200


def test_another_page_in_the_same_browser_can_neither_read_nor_write(room: Room) -> None:
    client = TestClient(application(room, hosts=["localhost", "127.0.0.1", "::1"]), base_url="http://localhost:8765")
    for host, status in {"localhost:1": 200, "127.0.0.1": 200, "[::1]:8765": 200, "evil.example": 403, "": 403}.items():
        assert client.get("/api/session", headers={"host": host}).status_code == status
    sent = {"key": "key-00000000", "reviewer": "anna"}
    assert client.post("/api/undo", json=sent, headers={"origin": "http://evil.example"}).status_code == 403
    assert client.post("/api/undo", json=sent, headers={"origin": "null"}).status_code == 403
    assert client.post("/api/undo", data=sent).status_code == 415
    assert client.post("/api/undo", content=json.dumps(sent), headers={"content-type": "text/plain"}).status_code == 415
    assert client.post("/api/undo", json=sent, headers={"origin": "http://localhost:8765"}).status_code == 409
    assert client.put("/api/undo").status_code == 405
    assert client.options("/api/undo").status_code == 405


def test_every_answer_forbids_scripts_from_elsewhere(client: TestClient) -> None:
    for path in ("/", "/page.js", "/api/session", "/nothing"):
        headers = client.get(path).headers
        assert "default-src 'none'; script-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    page = client.get("/").text
    assert not re.findall(r"https?://|<script(?! type=\"module\" src=\"/page.js\")|\son\w+=|style=", page)
    for name in ("page.js", "player.js", "outbox.js", "tables.js", "page.css"):
        text = client.get(f"/{name}").text
        assert not re.findall(r"https?://|innerHTML|insertAdjacentHTML|document\.write|eval\(", text)


def test_a_clip_that_was_made_anew_takes_no_verdict(found: list[Item], tmp_path: Path) -> None:
    anew = review_room.pairs(tmp_path / "clips", 1)
    client = TestClient(application(review_room.room(tmp_path, anew)))
    task = first(client)
    for shown in anew[0].sides:
        (shown.folder / "clip.json").write_text('{"files": {"rgb.mkv": "other"}}')
    refused = client.post("/api/decide", json=verdict(task["task"]))
    assert refused.status_code == 409
    assert "start the review again" in refused.json()["error"]


def test_many_names_do_not_fill_the_memory(client: TestClient, room: Room) -> None:
    for number in range(200):
        client.get("/api/queue", params={"reviewer": f"stranger{number}"})
    assert len(room._queues) <= 32


def test_concurrent_writers_lose_and_double_nothing(client: TestClient, room: Room) -> None:
    people = [f"person{number}" for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda name: decide_all(client, name), people))
        list(pool.map(lambda name: decide_all(client, name), people))
    rows = room.log.everything()
    assert len(rows) == len({row.key for row in rows}) == len({(row.reviewer, row.task, row.side) for row in rows})
    enough = room.people.values()
    per_item = {item.id: {row.reviewer for row in rows if row.item == item.id} for item in room.items}
    assert all(len(names) >= 2 for names in per_item.values())
    assert set(enough) == {2}


def test_a_thousand_clips_are_listed_without_delay(found: list[Item], tmp_path: Path) -> None:
    from dataclasses import replace

    many = [
        Item(tuple(replace(side, clip_id=f"{side.clip_id}-{number}") for side in found[number % 4].sides))
        for number in range(1000)
    ]
    client = TestClient(application(review_room.room(tmp_path, many)))
    client.get("/api/list", params={"reviewer": "anna"})
    begun = time.process_time()
    assert len(client.get("/api/list", params={"reviewer": "anna"}).json()["tasks"]) == 1000
    assert time.process_time() - begun < 0.5
    begun = time.process_time()
    first(client)
    assert time.process_time() - begun < 0.2


# ---- kill -9


def free_port() -> int:
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return int(some.getsockname()[1])


def begin(brief: Brief) -> int:
    """The server as a process of its own; returns when it listens."""
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            sys.stderr = open(os.devnull, "w")  # noqa: SIM115
            main(brief)
        os._exit(0)
    for _ in range(1000):
        with suppress(OSError):
            ask(brief, "GET", "/api/session")
            return child
        time.sleep(0.01)
    raise AssertionError("the server does not answer")


def ask(brief: Brief, method: str, path: str, body: object = None) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", brief.review.port, timeout=20)
    try:
        connection.request(method, path, json.dumps(body), {"content-type": "application/json"})
        answer = connection.getresponse()
        told = json.loads(answer.read())
        assert answer.status == 200, told
        return told
    finally:
        connection.close()


def send_and_hang_up(brief: Brief, body: object, patience: float) -> None:
    """A request whose answer nobody waits for."""
    text = json.dumps(body).encode()
    lines = ["POST /api/decide HTTP/1.1", "Host: localhost", "Content-Type: application/json"]
    head = "\r\n".join([*lines, f"Content-Length: {len(text)}", "", ""])
    with socket.create_connection(("127.0.0.1", brief.review.port)) as line:
        line.sendall(head.encode() + text)
        time.sleep(patience)


def test_500_decisions_and_ten_kills(found: list[Item], tmp_path: Path) -> None:
    from dataclasses import replace

    many = [
        Item(tuple(replace(side, clip_id=f"{side.clip_id}-{number}") for side in found[number % 4].sides))
        for number in range(250)
    ]
    settings = Review(repeats=0.0, double=1.0, port=free_port(), open=False)
    brief = Brief("walk", many, tmp_path / FILE, 0, settings, "")
    chance = random.Random(0)
    kills = set(chance.sample(range(500), 10))
    expected = []
    server = begin(brief)
    try:
        for number in range(500):
            if number % 8 == 0:
                tasks = ask(brief, "GET", "/api/queue?reviewer=anna")["tasks"]
            task, side = tasks[number % 8 // 2]["task"], ("left", "right")[number % 2]
            said = verdict(task, side, f"key-{number:08d}", verdict=chance.choice(["approve", "reject"]))
            if number in kills:
                send_and_hang_up(brief, said, chance.uniform(0, 0.01))
                os.kill(server, signal.SIGKILL)
                os.waitpid(server, 0)
                server = begin(brief)
            ask(brief, "POST", "/api/decide", said)
            expected.append((said["key"], task, side, said["verdict"]))
        done = ask(brief, "GET", "/api/queue?reviewer=anna")
    finally:
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)
    rows = read(tmp_path / FILE)
    assert [(row.key, row.task, row.side, row.verdict) for row in rows] == expected
    assert (done["done"], done["total"], done["tasks"]) == (250, 250, [])
