"""Hostile requests, many writers and kill -9: nobody gets in, nothing is lost and nothing doubled."""

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
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import review_room
from review_room import decide_all, first, verdict
from starlette.testclient import TestClient

from pipeline.review import Review
from pipeline.review.__main__ import Brief, main
from pipeline.review._guard import LARGEST
from pipeline.review.decisions import FILE, read
from pipeline.review.queue import Item
from pipeline.review.room import Room
from pipeline.review.server import application

# pytest finds fixtures by their names in this module
found, room, client = review_room.found, review_room.room, review_room.client


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
