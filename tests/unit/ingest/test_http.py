"""The HTTP doors: what is taken, what is refused and why, and what a repetition is."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from google.protobuf.json_format import MessageToDict
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from firstcause.access.keys import KeyFile
from firstcause.settings import Settings
from ingest.decoding import MAX_EVENTS
from ingest.http.app import create_app
from ingest.http.sender import BusyError, Message, NotDeliveredError
from ingest.reading import read_record

PROTOBUF = "application/x-protobuf"


class RecordingSender:
    """Keeps what it is given; fails as it is told."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Message]] = []
        self.failure: Exception | None = None

    async def send(self, topic: str, messages: Sequence[Message]) -> None:
        if self.failure is not None:
            raise self.failure
        self.sent += [(topic, message) for message in messages]

    def close(self) -> None:
        """Nothing is under way."""


@pytest.fixture
def sender() -> RecordingSender:
    return RecordingSender()


def client_of(sender: RecordingSender, tmp_path: Path, **changed: Any) -> TestClient:
    settings = Settings(firstcause_home=tmp_path, **changed)
    return TestClient(create_app(settings, sender))  # type: ignore[arg-type]


@pytest.fixture
def client(sender: RecordingSender, tmp_path: Path) -> TestClient:
    return client_of(sender, tmp_path)


def request_bytes() -> bytes:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add()
    record.body.string_value = "no"
    return bytes(request.SerializeToString())


def test_otlp_is_taken_in_both_forms_and_gzipped(client: TestClient, sender: RecordingSender):
    body = request_bytes()
    found = client.post("/v1/logs", content=body, headers={"content-type": PROTOBUF})
    assert (found.status_code, found.headers["content-type"]) == (200, PROTOBUF)
    assert not ExportLogsServiceResponse.FromString(found.content).HasField("partial_success")
    packed = gzip.compress(b'{"resourceSpans":[]}')
    headers = {"content-type": "application/json; charset=utf-8", "content-encoding": "gzip"}
    assert client.post("/v1/traces", content=packed, headers=headers).json() == {}
    assert [(topic, message.value) for topic, message in sender.sent] == [
        ("otlp_logs", body),
        ("otlp_spans", b'{"resourceSpans":[]}'),
    ]


def test_records_of_no_form_are_told_as_partial_success(client: TestClient):
    document = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{}, 5, None]}]}]}
    found = client.post("/v1/logs", json=document).json()
    assert found["partialSuccess"]["rejectedLogRecords"] == "2"


def test_a_repetition_has_the_same_identity_and_equal_lines_have_their_own(
    client: TestClient, sender: RecordingSender
):
    for _ in range(2):
        assert client.post("/ingest", content=b"one\n\none\r\n").json() == {"accepted": 2}
    identities = [message.identity for _, message in sender.sent]
    assert identities[:2] == identities[2:]
    assert len(set(identities)) == 2
    assert [message.value for _, message in sender.sent[:2]] == [b"one", b"one"]


@pytest.mark.parametrize(
    ("path", "content", "headers", "status"),
    [
        ("/v1/logs", b"\xff\xff", {"content-type": PROTOBUF}, 400),
        ("/v1/logs", b"{}", {"content-type": "application/json"}, 400),
        ("/v1/logs", b"[" * 100_000, {"content-type": "application/json"}, 400),
        ("/v1/logs", b"", {"content-type": PROTOBUF}, 400),
        ("/v1/logs", b"x", {"content-type": "text/html"}, 415),
        ("/ingest", b"x", {"content-encoding": "br"}, 415),
        ("/ingest", b"x", {"content-encoding": "gzip"}, 400),
        ("/ingest", gzip.compress(b"line\n", mtime=0)[:-4], {"content-encoding": "gzip"}, 400),
        ("/ingest", gzip.compress(b"a" * (64 << 20), mtime=0), {"content-encoding": "gzip"}, 413),
        ("/ingest", b"x" * (20 << 20), {}, 413),
        ("/ingest", b"x" * (3 << 20), {}, 413),
        ("/ingest", b"\n" * 10, {}, 400),
        ("/ingest", b"x\n" * 60_000, {}, 413),
    ],
)
def test_rubbish_has_a_clear_answer(
    client: TestClient,
    sender: RecordingSender,
    path: str,
    content: bytes,
    headers: dict[str, str],
    status: int,
):
    found = client.post(path, content=content, headers=headers)
    assert found.status_code == status
    assert found.content
    assert sender.sent == []


def test_what_the_bridge_would_not_read_is_refused_at_the_door(
    client: TestClient, sender: RecordingSender
):
    logs, spans = ExportLogsServiceRequest(), ExportTraceServiceRequest()
    log_records = logs.resource_logs.add().scope_logs.add().log_records
    many_spans = spans.resource_spans.add().scope_spans.add().spans
    for _ in range(MAX_EVENTS + 1):
        log_records.add()
        many_spans.add()
    for path, request, said in (
        ("/v1/logs", logs, "more than 50000 log records"),
        ("/v1/traces", spans, "more than 50000 spans"),
    ):
        body = request.SerializeToString()
        found = client.post(path, content=body, headers={"content-type": PROTOBUF})
        assert (found.status_code, found.headers["content-type"]) == (413, PROTOBUF)
        assert said in Status.FromString(found.content).message
        found = client.post(path, json=MessageToDict(request))
        assert found.status_code == 413
        assert said in found.json()["message"]
    objects = b'{"resourceLogs":[{"other":[' + b"{}," * 500_000 + b"{}]}]}"
    found = client.post("/v1/logs", content=objects, headers={"content-type": "application/json"})
    assert found.status_code == 413
    assert sender.sent == []
    del log_records[0]
    body = logs.SerializeToString()
    assert client.post("/v1/logs", content=body, headers={"content-type": PROTOBUF}).is_success


def test_json_behind_white_space_is_read_by_the_bridge(client: TestClient, sender: RecordingSender):
    body = b'\r\n {"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}'
    headers = {"content-type": "application/json"}
    assert client.post("/v1/logs", content=body, headers=headers).json() == {}
    [(_, message)] = sender.sent
    assert len(read_record(message.value, "otlp_proto", 0).drafts) == 1


@pytest.mark.parametrize(("failure", "status"), [(BusyError(), 429), (NotDeliveredError("x"), 503)])
def test_a_sender_is_told_to_come_again(
    client: TestClient, sender: RecordingSender, failure: Exception, status: int
):
    sender.failure = failure
    for path in ("/v1/logs", "/ingest"):
        found = client.post(path, json={"resourceLogs": []})
        assert (found.status_code, found.headers["retry-after"]) == (status, "1")


def test_beyond_loopback_a_key_is_needed(sender: RecordingSender, tmp_path: Path):
    client = client_of(sender, tmp_path, ingest_http_host="0.0.0.0")
    keys = KeyFile(tmp_path / "api_keys.json")
    secret, reader = keys.add("edge", "ingest"), keys.add("wall", "read")

    def status(**headers: str) -> int:
        return client.post("/ingest", content=b"x", headers=headers).status_code

    assert status() == 401
    assert status(authorization="Bearer wrong") == 401
    assert status(authorization=f"Bearer {reader}") == 401
    assert status(authorization=f"Bearer {secret}") == 200
    keys.revoke("edge")
    assert status(authorization=f"Bearer {secret}") == 401
    assert secret not in (tmp_path / "api_keys.json").read_text()
    assert (tmp_path / "api_keys.json").stat().st_mode & 0o777 == 0o600


def test_a_deep_line_is_taken_as_it_is(client: TestClient, sender: RecordingSender):
    deep = b'{"a":' * 400 + b"1" + b"}" * 400
    assert client.post("/ingest", content=deep).status_code == 200
    assert json.loads(sender.sent[0][1].value)
