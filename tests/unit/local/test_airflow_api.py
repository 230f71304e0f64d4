"""Airflow's API behind a server that fails as a busy one does."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from firstcause.errors import FirstcauseError
from firstcause.local.daemons.airflow_api import AirflowApi


class FailingAirflow:
    """Answers with the statuses of `script`, one a request, then with 200."""

    def __init__(self) -> None:
        self.script: list[int] = []
        self.runs: list[str] = []
        self.requests: list[tuple[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"{}")
                outer.requests.append((self.command, self.path))
                status, answer = outer.answer(self.command, body)
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = handle_any  # noqa: N815 - the names that it calls

            def log_message(self, *_: Any) -> None:
                return None

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, method: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        status = self.script.pop(0) if self.script else 200
        if method == "POST" and status != 400:
            # What failed on the way back has been done all the same.
            run_id = body["dag_run_id"]
            if run_id in self.runs:
                return 409, {"detail": "A run with this id exists"}
            self.runs.append(run_id)
        if status != 200:
            return status, {"detail": "Database error"}
        return 200, {"is_paused": True, "dag_run_id": body.get("dag_run_id"), "state": "success"}


@pytest.fixture
def airflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[FailingAirflow]:
    monkeypatch.setattr("firstcause.local.daemons.airflow_api.RETRY_WAIT_SECONDS", 0.01)
    made = FailingAirflow()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def api(airflow: FailingAirflow) -> Iterator[AirflowApi]:
    with AirflowApi(f"http://127.0.0.1:{airflow.server.server_port}") as opened:
        yield opened


CALLS: list[Callable[[AirflowApi], object]] = [
    lambda api: api.set_paused("stream_jobs", paused=False),
    lambda api: api.live_runs("stream_jobs"),
    lambda api: api.trigger("stream_jobs", {}),
    lambda api: api.await_end("stream_jobs", "run", 5),
]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_an_error_of_the_server_is_tried_again(
    airflow: FailingAirflow, api: AirflowApi, call: Callable[[AirflowApi], object], status: int
) -> None:
    airflow.script = [status, status]
    call(api)
    assert not airflow.script


def test_a_run_is_triggered_once_although_the_answer_was_lost(
    airflow: FailingAirflow, api: AirflowApi
) -> None:
    airflow.script = [500]
    run_id = api.trigger("fault_drill", {"seed": 1})
    assert airflow.runs == [run_id]
    assert api.trigger("fault_drill", {"seed": 1}) != run_id


def test_a_wrong_request_is_not_tried_again(airflow: FailingAirflow, api: AirflowApi) -> None:
    airflow.script = [400]
    with pytest.raises(FirstcauseError, match="400"):
        api.trigger("fault_drill", {})
    assert len(airflow.requests) == 1


def test_a_server_that_stays_broken_is_told_in_one_line(
    airflow: FailingAirflow, api: AirflowApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firstcause.local.daemons.airflow_api.RETRY_SECONDS", 0.2)
    airflow.script = [500] * 1000
    with pytest.raises(FirstcauseError, match=r"500.*Database error"):
        api.live_runs("stream_jobs")
    assert len(airflow.requests) > 1
