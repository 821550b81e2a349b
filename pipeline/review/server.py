"""The page's server: routes, and nothing of the web beyond this file and _guard.py.

A reviewer sees tasks by ids that tell nothing, and files only by task and side: no name from a request ever becomes
part of a path. In a blind review no answer says which clip is the truth.
"""

from __future__ import annotations

import math
import secrets
import threading
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from os import environ
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse

from pipeline._files import read_json
from pipeline.review import REASONS, agreement, check_reviewer, is_loopback, overlays
from pipeline.review._guard import Guard
from pipeline.review._sent import Adjudicate, Decide, Said, Undo
from pipeline.review.decisions import ConflictError, Decision
from pipeline.review.queue import Shown, digest
from pipeline.review.room import Room, named

HERE = Path(__file__).parent
STATIC = {
    "": ("page.html", "text/html; charset=utf-8"),
    "page.css": ("page.css", "text/css; charset=utf-8"),
    **{name: (name, "text/javascript; charset=utf-8") for name in ("page.js", "player.js", "outbox.js", "tables.js")},
}
NEXT = 4
"""Tasks that are sent ahead, so that the page can fetch their clips."""

Thing = TypeVar("Thing")


def application(room: Room, token: str = "", hosts: Sequence[str] = ()) -> Guard:
    """The page as an ASGI application; see _guard.py for token and hosts."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_exception_handler(LookupError, lambda _, error: _refused(404, str(error)))
    app.add_exception_handler(ValueError, lambda _, error: _refused(400, str(error)))
    app.add_exception_handler(ConflictError, lambda _, error: _refused(409, str(error)))
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    for add in (_pages, _queues, _clips, _verdicts, _results):
        add(app, room)
    return Guard(app, token, hosts)


def _pages(app: FastAPI, room: Room) -> None:
    @app.get("/{name}")
    def page(name: str) -> Response:
        file, kind = _found(STATIC, name, "page")
        return Response((HERE / file).read_bytes(), media_type=kind, headers={"cache-control": "no-cache"})

    @app.get("/")
    def front() -> Response:
        return page("")


def _queues(app: FastAPI, room: Room) -> None:
    @app.get("/api/session")
    def session() -> Any:
        return {"run": room.run, "reviewer": room.reviewer, "blind": room.review.blind, "reasons": REASONS}

    @app.get("/api/queue")
    def queue(reviewer: str) -> Any:
        """What comes next, and how far the reviewer is."""
        now = room.state(reviewer)
        return {"done": now.done, "total": now.total, "tasks": [room.told(task, now) for task in now.open[:NEXT]]}

    @app.get("/api/task")
    def task(reviewer: str, task: str) -> Any:
        """A task out of turn."""
        return room.told(room.task(reviewer, task), room.state(reviewer))

    @app.get("/api/list")
    def every(reviewer: str) -> Any:
        """All tasks of the reviewer, with what they said."""
        now = room.state(reviewer)
        waiting = {task.id for task in now.open}
        rows = []
        for one in room.queue(reviewer)[0]:
            said = [now.verdicts[one.id, side].verdict for side in one.sides if (one.id, side) in now.verdicts]
            if said or one.id in waiting:
                names = [] if room.review.blind else [named(shown) for shown in one.sides.values()]
                rows.append({"task": one.id, "caption": one.item.sides[0].caption, "verdicts": said, "names": names})
        return {"tasks": rows}


def _clips(app: FastAPI, room: Room) -> None:
    @app.api_route("/media/{reviewer}/{task}/{side}", methods=["GET", "HEAD"])
    def media(reviewer: str, task: str, side: str) -> Response:
        return _video(room.side(reviewer, task, side), digest("etag", task, side))

    @app.api_route("/media/{clip}", methods=["GET", "HEAD"])
    def disputed(clip: str) -> Response:
        return _video(_found(room.clips, clip, "clip"), clip)

    @app.get("/api/flow")
    def flow(reviewer: str, task: str, side: str) -> Response:
        shown = _seen(room, reviewer, task, side)
        if shown.flow is None:
            raise HTTPException(404, "there is no flow of this clip: run stage=score")
        return Response(overlays.packed(shown.flow, shown.size), media_type="application/octet-stream")

    @app.get("/api/scores")
    def scores(reviewer: str, task: str, side: str) -> Any:
        said = overlays.opinion(_seen(room, reviewer, task, side).opinion)
        if said is None:
            raise HTTPException(404, "this clip was not judged: run stage=score")
        return said


def _verdicts(app: FastAPI, room: Room) -> None:
    @app.post("/api/decide")
    def decide(sent: Decide) -> Any:
        task = room.task(sent.reviewer, sent.task)
        shown = room.side(sent.reviewer, sent.task, sent.side)
        row = _row(sent, shown, "decide", room.review.blind)
        where = {"task": task.id, "item": task.item.id, "kind": task.item.kind, "showing": task.showing}
        written = room.log.append(Decision(**{**row, **where, "side": sent.side}))
        return {"number": written.number}

    @app.post("/api/adjudicate")
    def adjudicate(sent: Adjudicate) -> Any:
        check_reviewer(sent.reviewer)
        shown = _found(room.clips, sent.clip, "clip")
        return {"number": room.log.append(Decision(**_row(sent, shown, "adjudicate", room.review.blind))).number}

    @app.post("/api/undo")
    def undo(sent: Undo) -> Any:
        undone = room.log.undo(sent.key, check_reviewer(sent.reviewer), _now())
        return {"number": undone.number, "act": undone.act, "task": undone.task, "side": undone.side}


def _results(app: FastAPI, room: Room) -> None:
    @app.get("/api/agreement")
    def agree() -> Any:
        """Statistics as `agreement.summary` has them; what is not defined is null."""
        judged = {one.clip: said["plausibility"] for one in room.clips.values() if (said := _judged(one))}
        return _finite(agreement.summary(room.log.standing(), judged, room.seed))

    @app.get("/api/disputes")
    def disputes() -> Any:
        known = {shown.clip: name for name, shown in room.clips.items()}
        open_ = [one for one in agreement.disputes(room.log.standing()) if one.clip in known]
        return {"disputes": [_dispute(room, known[one.clip], one) for one in open_]}


def _dispute(room: Room, clip: str, one: agreement.Dispute) -> dict[str, Any]:
    shown = room.clips[clip]
    votes = [
        {"reviewer": vote.reviewer, "verdict": vote.verdict, "reasons": vote.reasons, "note": vote.note}
        for vote in one.votes
    ]
    name = "" if room.review.blind else named(shown)
    return {"clip": clip, "caption": shown.caption, "name": name, "votes": votes}


def _row(sent: Said, shown: Shown, act: str, blind: bool) -> dict[str, Any]:
    """What a row says of the clip and of the verdict. Raises ConflictError if the clip was made anew meanwhile."""
    if read_json(shown.folder / "clip.json")["files"].get("rgb.mkv") != shown.hash:
        raise ConflictError(f"clip {shown.clip_id}: it was made anew since this review began; start the review again")
    clip = {"clip_id": shown.clip_id, "source": shown.source, "sample": shown.sample, "clip_hash": shown.hash}
    said = {"verdict": sent.verdict, "reasons": tuple(sent.reasons), "note": sent.note, "seconds": sent.seconds}
    return {"key": sent.key, "act": act, "reviewer": sent.reviewer, "time": _now(), "blind": blind, **clip, **said}


def _video(shown: Shown, tag: str) -> Response:
    """The preview, or the range of it that was asked for. Its times and tag say nothing about its origin."""
    path = shown.folder / "preview.mp4"
    if not path.is_file():
        raise HTTPException(404, "the clip is gone: start the review again")
    answer = FileResponse(path, media_type="video/mp4", stat_result=path.stat())
    answer.headers["etag"] = f'"{tag}"'
    answer.headers["last-modified"] = "Thu, 01 Jan 1970 00:00:00 GMT"
    answer.headers["cache-control"] = "private, max-age=600"
    return answer


def _seen(room: Room, reviewer: str, task: str, side: str) -> Shown:
    if room.review.blind:
        raise HTTPException(403, "the review is blind: no overlays")
    return room.side(reviewer, task, side)


def _judged(shown: Shown) -> dict[str, Any] | None:
    """The judge speaks about answers; the truth is its measure."""
    return None if shown.source == "truth" else overlays.opinion(shown.opinion)


def _found(known: Mapping[str, Thing], name: str, what: str) -> Thing:
    if name not in known:
        raise HTTPException(404, f"there is no such {what}")
    return known[name]


def _finite(value: Any) -> Any:
    """Plain data in which NaN is null."""
    if isinstance(value, agreement.Estimate):
        return _finite(asdict(value))
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _refused(status: int, words: str) -> JSONResponse:
    return JSONResponse({"error": words}, status)


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return _refused(error.status_code, str(error.detail))


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = jsonable_encoder(error.errors()[0], exclude={"input", "ctx", "url"})
    return _refused(422, f"{'.'.join(map(str, first['loc'][1:]))}: {first['msg']}")


def serve(room: Room, ready: Callable[[str], None]) -> None:
    """Serve until interrupted; `ready` is told the page's address. Raises ValueError if the port is taken."""
    review = room.review
    at_home = is_loopback(review.host)
    token = review.token or ("" if at_home else secrets.token_urlsafe(24))
    hosts = ("localhost", "127.0.0.1", "::1", review.host) if at_home else ()
    settings = uvicorn.Config(
        application(room, token, hosts),
        host=review.host,
        port=review.port,
        log_level="error",
        access_log=False,
        server_header=False,
        ws="none",
        http="h11",
        lifespan="off",
        limit_concurrency=200,
        timeout_graceful_shutdown=3,
    )
    try:
        listening = settings.bind_socket()
    except SystemExit:
        raise ValueError(f"review.port: expected a free port, got {review.port}; try review.port=0") from None
    name = f"[{review.host}]" if ":" in review.host else review.host
    address = f"http://{name}:{listening.getsockname()[1]}/" + (f"?token={token}" if token else "")
    ready(address)
    if review.open and (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
        threading.Timer(0.5, webbrowser.open, (address,)).start()
    uvicorn.Server(settings).run(sockets=[listening])
