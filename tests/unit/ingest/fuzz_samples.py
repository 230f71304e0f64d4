"""Good records of every format, which the fuzz of the readers changes."""

from __future__ import annotations

from typing import Any, Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

TRACE: Final = "4ae9a7734adbf27997161bbdd85a3e93"
SPAN: Final = "eee19b7ec3c1b174"
_KUBERNETES: Final = {
    "pod_name": "cart-7d9f8b6c54-x2lqv", "namespace_name": "shop", "container_name": "server",
    "labels": {"app": "cart", "app.kubernetes.io/name": "cart"}, "pod_labels": {"k8s-app": "cart"},
    "pod": {"name": "cart-0"}, "deployment": {"name": "cart"}, "pod_owner": "ReplicaSet/cart",
}  # fmt: skip

TEXTS: Final = (
    "2026-11-22T09:20:00.123456789Z stderr F ERROR cannot pay",
    "2026-11-22T09:20:00.123456789+01:00 stdout P {\"level\":\"error\",\"msg\":",
    "2026-11-22 09:20:00,029 ERROR [main] a.b.Cart - run failed",
    "ERROR 2026-11-22 09:20:00,029 [main] a.b.Cart - run failed",
    "ERROR:app.pay:cannot pay",
    "E1015 09:20:00.123456       1 reflector.go:138] Failed to watch",
    'time="2026-11-22T09:20:00Z" level=error msg="cannot \\"pay\\"" size=3',
    "<11>1 2026-11-22T09:20:00.003Z host pay 8710 ID47 [a@1 k=\"v\\]\"][b@2 x=\"y\"] cannot pay",
    "<34>Oct 11 22:14:15 host su[12]: failed",
    "Traceback (most recent call last):\n  File \"/a.py\", line 1, in f\n    raise\nKeyError: 'x'",
    "  File \"/a.py\", line 1, in f",
    "\tat a.b.Server.start(Server.java:215)",
    "Caused by: java.net.BindException: in use",
    "java.lang.IllegalStateException: boom",
    "panic: runtime error",
    "goroutine 1 [running]:",
    "main.pay(0x1, {0xc000, 0x2})",
    "\t/app/main.go:12 +0x1d",
    "ValueError: no",
    "10.0.0.1 - - [22/Nov/2026:09:20:00 +0000] \"GET / HTTP/1.1\" 500 12",
    "\x1b[31merror\x1b[0m: cannot pay",
    '{"level":"error","msg":"x","time":1795339200445}',
    "plain words",
    "",
)  # fmt: skip

OBJECTS: Final[tuple[dict[str, Any], ...]] = (
    {"resourceLogs": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "cart"}}]},
        "scopeLogs": [{"scope": {"name": "a.b"}, "logRecords": [{
            "timeUnixNano": "1795339200000000000", "observedTimeUnixNano": 1795339200000000000,
            "severityNumber": 17, "severityText": "Error", "traceId": TRACE, "spanId": SPAN,
            "body": {"kvlistValue": {"values": [
                {"key": "msg", "value": {"stringValue": "x"}},
                {"key": "n", "value": {"intValue": "12"}}]}},
            "attributes": [
                {"key": "exception.stacktrace", "value": {"stringValue": "a.B: x\n\tat c"}},
                {"key": "b", "value": {"bytesValue": "aGk="}},
                {"key": "a", "value": {"arrayValue": {"values": [{"doubleValue": 1.5}]}}},
                {"key": "http.status_code", "value": {"intValue": "500"}}]}]}]}]},
    {"resourceSpans": [{"scopeSpans": [{"spans": [
        {"traceId": TRACE, "spanId": SPAN, "name": "pay"}]}]}]},
    {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "/aws/lambda/pay", "logStream": "s",
     "logEvents": [{"id": "3", "timestamp": 1795339200000, "message": "[ERROR] cannot pay"}]},
    {"insertId": "a", "logName": "projects/p/logs/stderr", "severity": "DEFAULT",
     "timestamp": "2026-11-22T09:20:00.1Z", "receiveTimestamp": "2026-11-22T09:20:01Z",
     "trace": f"projects/p/traces/{TRACE}", "spanId": SPAN,
     "jsonPayload": {"message": "x", "level": "error", "stack_trace": "a\n at b"},
     "httpRequest": {"status": 503, "latency": "0.25s"},
     "resource": {"labels": {"container_name": "pay", "pod_name": "pay-0"}}},
    {"MESSAGE": [104, 105], "PRIORITY": "3", "_SYSTEMD_UNIT": "pay.service", "_HOSTNAME": "h",
     "__REALTIME_TIMESTAMP": "1795339200000000", "__CURSOR": "s=1", "_BOOT_ID": "b"},
    {"version": "1.1", "host": "h", "short_message": "x", "full_message": "x\n at y", "level": 3,
     "timestamp": 1795339200.25, "_service": "pay", "_trace_id": TRACE, "_logger": "a.b"},
    {"log": "ERROR cannot pay\n", "stream": "stderr", "time": "2026-11-22T09:20:00.1Z",
     "attrs": {"tag": "x"}},
    {"source_type": "kubernetes_logs", "message": "E1015 09:20:00.123456 1 a.go:1] no",
     "kubernetes": _KUBERNETES, "timestamp": "2026-11-22T09:20:00.123456789Z", "stream": "stderr"},
    {"@metadata": {"beat": "filebeat"}, "agent": {"type": "filebeat"}, "message": "x",
     "@timestamp": "2026-11-22T09:20:00.1Z", "log": {"level": "error", "file": {"path": "/x"}},
     "container": {"name": "pay", "id": "c"}, "log.offset": 1},
    {"@timestamp": 1795339200.25, "log": '{"level":50,"msg":"{\\"a\\":1}"}', "_p": "F",
     "stream": "stdout", "container_name": "/pay", "kubernetes": _KUBERNETES},
    {"level": 50, "time": 1795339200445, "pid": 1, "hostname": "h", "name": "pay", "msg": "x",
     "v": 1, "err": {"type": "Error", "message": "no", "stack": "Error: no\n    at f (a.js:1:2)"},
     "req_id": "r", "res": {"statusCode": 500}, "responseTime": 12.5},
    {"level": "error", "ts": 1795339200.25, "logger": "a", "caller": "a.go:1", "msg": "x",
     "error": "no", "stacktrace": "main.f\n\t/a.go:1", "trace_id": TRACE, "span_id": SPAN},
    {"event": "x", "exception": [{"exc_type": "KeyError", "exc_value": "'x'",
     "frames": [{"filename": "a.py", "lineno": 1, "name": "f"}]}], "level": "error",
     "timestamp": "2026-11-22 09:20:00"},
    {"@t": "2026-11-22T09:20:00.1Z", "@mt": "{N} of {@Order} failed", "@l": "Error", "N": 3,
     "@x": "System.Exception: no\n   at A.B()", "SourceContext": "A", "@tr": TRACE, "@sp": SPAN},
    {"instant": {"epochSecond": 1795339200, "nanoOfSecond": 5}, "level": "ERROR", "message": "x",
     "loggerName": "a.B", "thrown": {"name": "a.C", "message": "no", "extendedStackTrace":
     [{"class": "a.B", "method": "f", "file": "B.java", "line": 3}]},
     "contextMap": {"traceId": TRACE}},
    {"@timestamp": "2026-11-22T09:20:00.1234567+05:30", "@version": 1, "level_value": 40000,
     "level": "ERROR", "logger_name": "a.B", "thread_name": "main", "message": "x",
     "stack_trace": "a.C: no\n\tat a.B.f(B.java:3)", "traceId": TRACE},
    {"log_id": "0b0e7f7e-2f53-4f05-9d55-0a4f6ed4e9b1", "timestamp": "2026-11-22T09:20:00.1Z",
     "service_name": "pay", "level": "ERROR", "message": "x", "status_code": 500,
     "latency_ms": 1.5, "attributes": {"a": "b"}, "parent_span_id": SPAN, "user_id": 7},
)  # fmt: skip


def _logs() -> bytes:
    request = ExportLogsServiceRequest()
    resource = request.resource_logs.add()
    pair = resource.resource.attributes.add(key="service.name")
    pair.value.string_value = "cart"
    scope = resource.scope_logs.add()
    scope.scope.name = "a.b"
    for number in range(3):
        record = scope.log_records.add(
            time_unix_nano=1_795_339_200_000_000_000, severity_number=17, severity_text="Error",
            trace_id=bytes.fromhex(TRACE), span_id=bytes.fromhex(SPAN),
        )  # fmt: skip
        record.attributes.add(key="exception.stacktrace").value.string_value = "a.B: x\n\tat c"
        record.attributes.add(key="d").value.double_value = float("nan")
        record.attributes.add(key="b").value.bytes_value = b"\xff\x00"
        if number:
            body = record.body.kvlist_value.values.add(key="msg").value
            body.array_value.values.add().string_value = "x"
        else:
            record.body.string_value = '{"level":"warn","msg":"x"}'
    return bytes(request.SerializeToString())


def _spans() -> bytes:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    spans.add(trace_id=bytes.fromhex(TRACE), span_id=bytes.fromhex(SPAN), name="pay",
              start_time_unix_nano=1, end_time_unix_nano=2**63)  # fmt: skip
    return bytes(request.SerializeToString())


PROTOBUF: Final = (_logs(), _spans())
