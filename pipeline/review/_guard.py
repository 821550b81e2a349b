"""Who is let in, and how much they may send: everything that a request passes before the page's own code.

On loopback a request must name this machine (else any web page could have its own name resolved to 127.0.0.1 and read
the answers), elsewhere it must carry the token. What changes something must come from the page itself.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import re
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, urlsplit

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

LARGEST = 16 * 1024
"""Of a request's body [bytes]; a decision with the longest note is a tenth of it."""
PATIENCE = 10.0
"""How long a body may take to arrive [s]."""
HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
        b"connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class Guard:
    """ASGI middleware around the page."""

    def __init__(self, app: App, token: str, hosts: Collection[str]) -> None:
        """`token`: empty if none is needed; `hosts`: names that a request may call this machine, all if empty."""
        self.app, self.token, self.hosts = app, token, frozenset(hosts)
        # Cookies know no ports: two reviews on one machine need two names.
        self.cookie = f"review-{sha256(token.encode()).hexdigest()[:8]}"

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Let the request through, or answer it here."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        answer = self._refusal(scope, headers)
        if answer is None and scope["method"] == "POST":
            body = await _body(headers, receive)
            if isinstance(body, bytes):
                receive = _again(body, receive)
            else:
                answer = body
        if answer is not None:
            return await _answer(send, *answer)
        return await self.app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Message, headers: dict[str, str]) -> tuple[int, str, dict[str, str]] | None:
        """Status, words and headers of the answer to a request that goes no further."""
        host = headers.get("host", "")
        if self.hosts and re.sub(r":\d+$", "", host).strip("[]") not in self.hosts:
            return 403, f"expected a request to {', '.join(sorted(self.hosts))}", {}
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return 405, "expected GET or POST", {}
        if self.token and (refused := self._without_token(scope, headers)):
            return refused
        if scope["method"] == "POST":
            origin = headers.get("origin", "")
            if origin and urlsplit(origin).netloc != host:
                return 403, "expected a request from the page itself", {}
            if headers.get("content-type", "").split(";")[0].strip() != "application/json":
                return 415, "expected application/json", {}
        return None

    def _without_token(self, scope: Message, headers: dict[str, str]) -> tuple[int, str, dict[str, str]] | None:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        if scope["path"] == "/" and self._is_token(query.get("token", [""])[0]):
            # Out of the address at once: addresses stay in histories.
            cookie = f"{self.cookie}={self.token}; HttpOnly; SameSite=Strict; Path=/"
            return 303, "", {"location": "/", "set-cookie": cookie}
        cookies = dict(part.strip().partition("=")[::2] for part in headers.get("cookie", "").split(";"))
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        if self._is_token(cookies.get(self.cookie, "")) or self._is_token(bearer):
            return None
        return 401, "expected the token: open the address that the command printed", {}

    def _is_token(self, told: str) -> bool:
        return hmac.compare_digest(told.encode(), self.token.encode())


async def _body(headers: dict[str, str], receive: Receive) -> bytes | tuple[int, str, dict[str, str]]:
    """The whole body, or the answer to one that is too long or too slow."""
    too_large = (413, f"expected at most {LARGEST} bytes", {"connection": "close"})
    length = headers.get("content-length", "0")
    if not length.isdigit() or int(length) > LARGEST:
        return too_large
    body: bytes = b""
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                message = await receive()
                body += message.get("body", b"")
                if len(body) > LARGEST:
                    return too_large
                if not message.get("more_body"):
                    return body
    except TimeoutError:
        return 408, f"expected the body within {PATIENCE:g} seconds", {"connection": "close"}


def _again(body: bytes, receive: Receive) -> Receive:
    """`receive` as if nobody had read the body yet."""
    unread = [body]

    async def once() -> Message:
        if unread:
            return {"type": "http.request", "body": unread.pop(), "more_body": False}
        return await receive()

    return once


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *HEADERS]
        await send(message)

    return sending


async def _answer(send: Send, status: int, words: str, headers: dict[str, str]) -> None:
    body = json.dumps({"error": words}).encode()
    plain = {"content-type": "application/json", "content-length": str(len(body)), "cache-control": "no-store"}
    sent = [(name.encode(), value.encode()) for name, value in {**plain, **headers}.items()]
    await send({"type": "http.response.start", "status": status, "headers": [*sent, *HEADERS]})
    await send({"type": "http.response.body", "body": body})
