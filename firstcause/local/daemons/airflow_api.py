"""A client of Airflow's REST API: unpause a DAG, trigger it, watch its run."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Self
from uuid import uuid4

import httpx
import stamina

from firstcause.errors import FirstcauseError

REQUEST_SECONDS: Final = 20.0
# A server that starts beside others, or whose database is busy, is given so long.
RETRY_SECONDS: Final = 60.0
RETRY_WAIT_SECONDS: Final = 0.1
POLL_SECONDS: Final = 0.5
ENDED: Final = frozenset({"success", "failed"})
ALIVE: Final = ("queued", "running")


class _RefusedError(FirstcauseError):
    """Airflow's answer was an error."""

    def __init__(self, message: str, status_code: int) -> None:
        super().__init__(message)
        self.status_code = status_code


class AirflowApi:
    """Talks to an Airflow whose simple auth manager takes everybody for an admin.

    Methods block, and try again for `RETRY_SECONDS` while the server does not answer or answers
    with an error of its own (5xx). They raise FirstcauseError with one clear line on anything
    else than success.
    """

    def __init__(self, base_url: str) -> None:
        self._url = base_url.rstrip("/")
        self._client = httpx.Client(
            base_url=f"{self._url}/api/v2", timeout=REQUEST_SECONDS, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def await_dag(self, dag_id: str, timeout_seconds: float = 120.0) -> None:
        """Waits until Airflow has read the DAG's file."""
        deadline = time.monotonic() + timeout_seconds
        while self._request("GET", f"/dags/{dag_id}", missing_ok=True) is None:
            if time.monotonic() > deadline:
                raise FirstcauseError(
                    f"Airflow does not know the DAG {dag_id} after {timeout_seconds:.0f} s: look "
                    f"at the import errors on {self._url}."
                )
            time.sleep(POLL_SECONDS)

    def set_paused(self, dag_id: str, paused: bool) -> bool:
        """Pauses a DAG or switches it on; returns whether it was paused before."""
        before = self._request("GET", f"/dags/{dag_id}") or {}
        self._request("PATCH", f"/dags/{dag_id}", json={"is_paused": paused})
        return bool(before.get("is_paused"))

    def live_runs(self, dag_id: str) -> list[str]:
        """Run ids that are queued or running."""
        found = self._request("GET", f"/dags/{dag_id}/dagRuns", params={"state": ALIVE})
        return [run["dag_run_id"] for run in (found or {}).get("dag_runs", [])]

    def trigger(self, dag_id: str, conf: dict[str, Any]) -> str:
        """Triggers one run, also when an answer is lost; returns its id."""
        run_id = f"manual__{datetime.now(UTC).isoformat()}_{uuid4().hex[:8]}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        try:
            self._request("POST", f"/dags/{dag_id}/dagRuns", json=body)
        except _RefusedError as error:
            # The id is ours alone: an earlier try has triggered it.
            if error.status_code != httpx.codes.CONFLICT:
                raise
        return run_id

    def await_end(
        self,
        dag_id: str,
        run_id: str,
        timeout_seconds: float,
        on_poll: Callable[[str], None] = lambda _: None,
    ) -> str:
        """Waits for a run's end; returns `success` or `failed`. `on_poll` gets each state."""
        deadline = time.monotonic() + timeout_seconds
        while True:
            state = str((self._request("GET", f"/dags/{dag_id}/dagRuns/{run_id}") or {})["state"])
            on_poll(state)
            if state in ENDED:
                return state
            if time.monotonic() > deadline:
                raise FirstcauseError(
                    f"{dag_id} has not ended after {timeout_seconds:.0f} s: see {self._url}"
                    f"/dags/{dag_id}/runs/{run_id}."
                )
            time.sleep(POLL_SECONDS)

    def result(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """What a task returned (its XCom); None when it returned nothing."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        found = self._request("GET", path, missing_ok=True, params={"deserialize": True})
        return None if found is None else found["value"]

    def log_tail(self, dag_id: str, run_id: str, task_id: str, lines: int = 5) -> list[str]:
        """The last lines of a task's log, its own words only."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/1"
        found = self._request("GET", path, missing_ok=True, params={"full_content": True}) or {}
        events = [
            entry.get("event", "") if isinstance(entry, dict) else str(entry)
            for entry in found.get("content", [])
        ]
        return [event for event in events if event][-lines:]

    def _request(
        self, method: str, path: str, *, missing_ok: bool = False, **options: Any
    ) -> dict[str, Any] | None:
        try:
            response = self._send(method, path, options)
        except httpx.TransportError as error:
            raise FirstcauseError(
                f"Airflow does not answer at {self._url}: see `firstcause status`."
            ) from error
        except httpx.HTTPStatusError as error:
            response = error.response
        if missing_ok and response.status_code == httpx.codes.NOT_FOUND:
            return None
        if response.is_error:
            raise _RefusedError(
                f"Airflow refused {method} {path}: {response.status_code} {response.text[:200]}",
                response.status_code,
            )
        found: dict[str, Any] = response.json()
        return found

    def _send(self, method: str, path: str, options: dict[str, Any]) -> httpx.Response:
        """Sends until the answer is not a server error, or the time is over."""
        for attempt in stamina.retry_context(
            on=(httpx.TransportError, httpx.HTTPStatusError),
            attempts=None,
            timeout=RETRY_SECONDS,
            wait_initial=RETRY_WAIT_SECONDS,
            wait_max=2.0,
        ):
            with attempt:
                response = self._client.request(method, path, **options)
                if response.is_server_error:
                    response.raise_for_status()
        return response
