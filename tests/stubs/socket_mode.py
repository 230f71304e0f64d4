"""Slack's side of Socket Mode: sends envelopes over a WebSocket, keeps what was answered."""

from __future__ import annotations

import json
import queue
import threading
import uuid
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve


class SocketModeStub:
    """Listens on loopback; give `url` to `SlackStub.socket_url`.

    `click` queues an envelope for whoever is connected. An envelope that was not answered before
    its connection ended is sent again, as Slack does.
    """

    def __init__(self) -> None:
        self.answered: list[str] = []
        self.connections = 0
        self._queue: queue.Queue[dict[str, Any]] = queue.Queue()
        self._ended = threading.Event()
        self._server = serve(self._talk, "127.0.0.1", 0)
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/"

    def click(self, button: dict[str, Any], at_s: float, user: str = "ann") -> str:
        """Somebody clicks a button of a message; the envelope's id."""
        envelope_id = str(uuid.uuid4())
        payload = {
            "type": "block_actions",
            "user": {"id": "U1", "username": user, "name": user},
            "actions": [{**button, "action_ts": f"{at_s:.6f}"}],
        }
        self._queue.put({"type": "interactive", "envelope_id": envelope_id, "payload": payload})
        return envelope_id

    def disconnect(self) -> None:
        """Tells the client to connect anew, as Slack does from time to time."""
        self._queue.put({"type": "disconnect", "reason": "refresh_requested"})

    def _talk(self, connection: ServerConnection) -> None:
        self.connections += 1
        connection.send(json.dumps({"type": "hello", "num_connections": 1}))
        pending: dict[str, Any] | None = None
        try:
            while not self._ended.is_set():
                try:
                    pending = self._queue.get(timeout=0.05)
                except queue.Empty:
                    continue
                connection.send(json.dumps(pending))
                if pending["type"] == "disconnect":
                    return
                self.answered.append(json.loads(connection.recv(timeout=10))["envelope_id"])
        except (ConnectionClosed, TimeoutError):
            if pending is not None:
                self._queue.put(pending)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._server.shutdown()
