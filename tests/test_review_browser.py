"""The page in a real browser: two reviewers, blind pairs, keys, undo, kill and restart, disputes, agreement."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.review.decisions import FILE, read

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e .[dev]")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine: apt-get install chromium")

ROOT = Path(__file__).resolve().parents[1]
READY = "#review:not([data-ready=''])[data-ready]"
PATIENCE = 30_000
"""[ms], for machines that others use too."""


class Server:
    """`python -m pipeline stage=review`, which can be killed and started again."""

    def __init__(self, outputs: Path, *settings: str) -> None:
        with socket.socket() as some:
            some.bind(("127.0.0.1", 0))
            port = some.getsockname()[1]
        self.log = outputs / "walk" / FILE
        for old in self.log.parent.glob(f"{FILE}*"):  # every test begins with nothing decided
            old.unlink()
        asked = [
            "stage=review",
            "run=walk",
            f"outputs={outputs}",
            f"review.port={port}",
            "review.open=false",
            *settings,
        ]
        self.line = [sys.executable, "-m", "pipeline", *asked]
        self.begin()

    def begin(self) -> None:
        self.process = subprocess.Popen(self.line, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        told = self.process.stderr.readline()
        found = re.search(r"http://\S+", told)
        assert found, told
        self.address = found.group()
        threading.Thread(target=self.process.stderr.read, daemon=True).start()

    def kill(self) -> None:
        self.process.kill()  # SIGKILL
        self.process.wait()


@pytest.fixture(scope="module")
def reviewed(outputs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reviewed")
    shutil.copytree(outputs / "walk", folder / "walk")
    return folder


@pytest.fixture(scope="module")
def serve(reviewed: Path) -> Iterator[Callable[..., Server]]:
    begun: list[Server] = []

    def one(*settings: str) -> Server:
        begun.append(Server(reviewed, *settings))
        return begun[-1]

    yield one
    for server in begun:
        server.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


class Reviewer:
    """One person at a page of their own, with everything that the page was told and complained of."""

    def __init__(self, browser: Any, address: str, name: str, width: int = 1100, height: int = 860) -> None:
        self.page = browser.new_context(viewport={"width": width, "height": height}).new_page()
        self.page.set_default_timeout(PATIENCE)
        self.told: list[str] = []
        self.asked: set[str] = set()
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.asked.add(request.url))
        self.page.on("response", self._hear)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("dialog", lambda dialog: self.errors.append("a dialog opened"))
        self.page.goto(f"{address}?reviewer={name}")
        self.page.wait_for_selector(READY)

    def _hear(self, answer: Any) -> None:
        if "/api/" in answer.url and answer.headers.get("content-type", "").startswith("application/json"):
            self.told.append(answer.text())

    @property
    def task(self) -> str:
        return str(self.page.get_attribute("#review", "data-ready"))

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def decide(self, *keys: str) -> None:
        """Press the keys that finish a task, and wait for what comes next."""
        before = self.task
        self.press(*keys)
        self.page.wait_for_selector(f"{READY}:not([data-ready='{before}'])")

    def saved(self) -> None:
        self.page.wait_for_selector("#outbox", state="hidden")

    def frames(self) -> list[float]:
        """Where the clips stand [frames], once they have arrived."""
        for _ in range(100):
            if not self.page.evaluate("[...document.querySelectorAll('#stage video')].some((one) => one.seeking)"):
                break
            self.page.wait_for_timeout(50)
        found = self.page.evaluate("[...document.querySelectorAll('#stage video')].map((one) => one.currentTime * 24)")
        return [float(one) for one in found]


def test_a_review_by_two_people_with_a_kill_between(serve: Callable[..., Server], browser: Any) -> None:
    server = serve("review.double=1", "review.repeats=0.1")
    anna, ben = (Reviewer(browser, server.address, name) for name in ("anna", "ben"))
    assert anna.task != ben.task

    anna.press("Space")  # stops what plays
    anna.press(*["ArrowLeft"] * 20, *["ArrowRight"] * 3)
    anna.page.wait_for_timeout(300)
    left, right = anna.frames()
    assert left == right == pytest.approx(3.5, abs=0.01)  # the middle of the fourth frame, on both sides
    anna.press("Space")
    anna.page.wait_for_timeout(200)
    left, right = anna.frames()
    assert abs(left - right) < 1.0

    anna.page.wait_for_timeout(500)
    assert len({url for url in anna.asked if "/media/" in url}) == 2 * 4  # what comes next is fetched ahead

    first = anna.task
    anna.press("2", "8")  # 'other' asks for a note
    anna.page.keyboard.type("<img src=x onerror=alert(1)> & odd: a r s u")
    anna.press("Enter", "r")
    anna.decide("a")
    anna.saved()
    rows = read(server.log)
    assert [(row.side, row.verdict) for row in rows] == [("left", "reject"), ("right", "approve")]
    assert rows[0].reasons == ("passes through", "other")
    assert rows[0].note == "<img src=x onerror=alert(1)> & odd: a r s u"
    assert rows[0].seconds > rows[1].seconds >= 0
    assert {rows[0].source, rows[1].source} > {"truth"}

    anna.press("u")
    anna.page.wait_for_selector(f"#review[data-ready='{first}']")
    assert [row.side for row in read(server.log)] == ["left"]
    assert anna.page.locator(".pane.active figcaption").inner_text().startswith("right")
    anna.decide("a")

    ben.decide("a", "r")  # both at once
    server.kill()
    anna.decide("r", "r")  # nobody listens
    ben.decide("a", "r")
    assert anna.page.locator("#outbox").is_visible()
    server.begin()
    for one in (anna, ben):
        one.saved()
    for one, keys in ((anna, ("a", "r")), (ben, ("r", "a"))):
        while one.task != "all":
            one.decide(*keys)
        one.saved()

    rows = read(server.log)
    assert len({(row.reviewer, row.task, row.side) for row in rows}) == len(rows) == 2 * 2 * (9 + 1)
    assert {row.showing for row in rows} == {0, 1}
    secrets = ("truth", "next_frame", "copy_last", "extrapolate", "drop-")
    for one in (anna, ben):
        assert not [word for word in secrets for text in one.told if word in text]
        assert all(url.startswith((server.address, "data:")) for url in one.asked)

    anna.page.click("[data-view=disputes]")
    anna.page.wait_for_selector(".dispute")
    before = anna.page.locator(".dispute").count()
    anna.page.locator(".dispute").first.get_by_role("button", name="Reject").click()
    sync_api.expect(anna.page.locator(".dispute")).to_have_count(before - 1, timeout=PATIENCE)
    assert read(server.log)[-1].act == "adjudicate"

    anna.page.click("[data-view=agreement]")
    anna.page.wait_for_selector("#agreement table")
    words = anna.page.inner_text("#agreement")
    assert re.search(r"Krippendorff's alpha\s+-?\d\.\d\d \(-?\d\.\d\d to -?\d\.\d\d\)", words)
    assert "Cohen's kappa, anna and ben" in words
    assert re.search(r"Kendall's tau, people and judge\s+-?\d\.\d\d", words)
    anna.page.click("[data-view=list]")
    sync_api.expect(anna.page.locator("ol.clips li")).to_have_count(10, timeout=PATIENCE)
    assert anna.errors == ben.errors == []
    server.kill()


def test_overlays_zoom_small_screens_and_focus(serve: Callable[..., Server], browser: Any) -> None:
    server = serve("review.blind=false", "review.models=[next_frame]", "review.double=1", "review.repeats=0")
    carla = Reviewer(browser, server.address, "carla", width=360, height=640)
    page = carla.page
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert "truth" in page.inner_text("#stage")
    carla.press("Space", "f", "p")
    page.wait_for_selector("canvas.scores:visible")
    assert re.search(r"plausibility \d+ of 100", page.inner_text("#stage"))
    sync_api.expect(page.locator(".inside canvas:visible")).to_have_count(2, timeout=PATIENCE)
    carla.press("z")
    assert page.inner_text("#zoom") == "2x"
    carla.press(",", ",")
    assert page.evaluate("[...document.querySelectorAll('#stage video')].map((one) => one.playbackRate)") == [
        0.25,
        0.25,
    ]

    carla.press("Tab")  # the keyboard reaches every button, and space then presses that button
    reached = set()
    for _ in range(40):
        carla.press("Tab")
        reached.add(page.evaluate("document.activeElement.id"))
    assert {"play", "seek", "speed", "approve", "reject", "skip", "undo", "note"} <= reached
    page.focus("#reject")
    carla.press("Space")
    carla.saved()
    assert [row.verdict for row in read(server.log) if row.reviewer == "carla"] == ["reject"]
    assert carla.errors == []
    server.kill()


def test_a_stranger_needs_the_token_and_the_page_forgets_it(serve: Callable[..., Server], browser: Any) -> None:
    server = serve("review.token=a-token-of-some-length", "review.show=[truth]", "review.double=1")
    base, _, token = server.address.partition("?")
    assert token == "token=a-token-of-some-length"
    page = browser.new_context().new_page()
    assert page.goto(base).status == 401
    page.goto(server.address)
    assert page.url == base
    page.fill("#name", "dora")  # nobody said who reviews
    page.keyboard.press("Enter")
    page.wait_for_selector(READY)
    page.keyboard.press("s")
    page.wait_for_selector("#outbox", state="hidden")
    assert [row.verdict for row in read(server.log) if row.reviewer == "dora"] == ["skip"]
    assert json.loads(page.evaluate("JSON.stringify(Object.keys(localStorage))")) == []
    server.kill()
