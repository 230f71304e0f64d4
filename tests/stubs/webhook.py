"""A receiver of webhooks: records requests, and answers as it is told to."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class Webhooks:
    """`answers` are given one after the other, 200 when none is left: a status, a status with a

    location, or `hang` and `drop`, which take the request and say nothing. Requests with a
    `webhook-id` of `refused` are answered with 400, whenever they come. `taken` counts the
    `webhook-id` of requests that were answered with success.
    """

    port: int = 0
    requests: list[Request] = field(default_factory=list)
    answers: deque[int | tuple[int, str] | str] = field(default_factory=deque)
    refused: set[str] = field(default_factory=set)
    taken: Counter[str] = field(default_factory=Counter)
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@contextmanager
def serving() -> Iterator[Webhooks]:
    own = Webhooks()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            own.requests.append(Request(self.path, headers, body))
            if headers.get("webhook-id") in own.refused:
                answer: int | tuple[int, str] | str = 400
            else:
                answer = own.answers.popleft() if own.answers else 200
            if answer == "hang":
                own.stopping.wait(60)
            if isinstance(answer, str):
                self.close_connection = True
                return
            status, location = answer if isinstance(answer, tuple) else (answer, None)
            self.send_response(status)
            if location is not None:
                self.send_header("Location", location)
            self.send_header("Content-Length", "0")
            self.end_headers()
            if status < 300:
                own.taken[headers.get("webhook-id", "")] += 1

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    own.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield own
    finally:
        own.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()
