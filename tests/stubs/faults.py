"""What both stubs share: a queue of faults, a record of requests, a server in a thread."""

from __future__ import annotations

import argparse
import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlparse


class StubServer:
    """An HTTP server on loopback. `answer` is called under a lock, one request at a time.

    Outside doors: GET /recorded returns all requests; POST /faults with a JSON list of faults
    appends to the queue: each request of the API takes one fault from it. A fault is an object
    with "kind", and "times" (1); "path", "root" (not in a thread) and "text" (in the body) narrow
    what it is for.
    """

    def __init__(self, port: int = 0) -> None:
        self.recorded: list[dict[str, Any]] = []
        self.faults: list[dict[str, Any]] = []
        self.lock = threading.RLock()
        self.released = threading.Event()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if urlparse(self.path).path == "/recorded":
                    with stub.lock:
                        self.send(200, {"requests": stub.recorded, **stub.state()})
                    return
                self.do_POST()

            def do_POST(self) -> None:
                url = urlparse(self.path)
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if url.path == "/faults":
                    with stub.lock:
                        stub.faults += json.loads(body)
                    self.send(200, {"ok": True})
                    return
                request = {"path": url.path, "at": time.time(), "query": parse_qs(url.query)}
                request["body"] = self.parsed(body)
                request["authorization"] = self.headers.get("Authorization", "")
                with stub.lock:
                    fault = stub.next_fault(request)
                    stub.recorded.append(request | {"fault": fault and fault["kind"]})
                    reply = stub.answer(request, fault)
                if fault and fault.get("delay_seconds"):
                    stub.released.wait(fault["delay_seconds"])
                if reply == "hang":
                    stub.released.wait(120)
                    reply = None
                if reply is None:
                    self.close_connection = True
                    self.connection.close()
                    return
                self.send(*reply)

            def parsed(self, body: bytes) -> dict[str, Any]:
                if "json" in (self.headers.get("Content-Type") or ""):
                    parsed: dict[str, Any] = json.loads(body or b"{}")
                    return parsed
                try:
                    return {key: values[0] for key, values in parse_qs(body.decode()).items()}
                except UnicodeDecodeError:
                    return {"base64": base64.b64encode(body).decode()}

            def send(
                self, status: int, body: object, headers: dict[str, str] | None = None
            ) -> None:
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        # What the other side breaks off is no news.
        setattr(self._server, "handle_error", lambda *_: None)  # noqa: B010 - mypy's way
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def state(self) -> dict[str, Any]:
        return {}

    def next_fault(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """The first queued fault that is for this path (or for any)."""
        for fault in self.faults:
            if fault.get("path", request["path"]) != request["path"]:
                continue
            if fault.get("root") and "thread_ts" in request["body"]:
                continue
            if fault.get("text", "") not in str(request["body"]):
                continue
            fault["times"] = fault.get("times", 1) - 1
            if fault["times"] <= 0:
                self.faults.remove(fault)
            return fault
        return None

    def answer(self, request: dict[str, Any], fault: dict[str, Any] | None) -> Any:
        raise NotImplementedError

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()


def run(stub_class: type[StubServer]) -> None:
    """A stub as a process of its own: prints its address, serves until it is ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    with stub_class(parser.parse_args().port) as stub:
        print(stub.url, flush=True)
        threading.Event().wait()
