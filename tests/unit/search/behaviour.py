"""What every search engine answers alike: logs, queries and the logs that each must find."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from firstcause.events.log_event import LogEvent


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def log_id(number: int) -> str:
    return str(UUID(int=number + (number * 0x9E3779B97F4A7C15 << 60) % 2**120))


def _log(
    number: int, time: str, service: str, level: str, message: str, **fields: object
) -> LogEvent:
    event = LogEvent(log_id(number), at(time), service, level, message)
    return replace(event, **fields)  # type: ignore[arg-type]


LOGS = (
    _log(
        1,
        "2026-11-30T06:59:59.999",
        "cart",
        "ERROR",
        "Connection pool exhausted after 1500 ms",
        status_code=503,
        latency_ms=1500.5,
        trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
        error_code="POOL-7",
        exception="java.sql.SQLException: no connection\n\tat shop.Pool.take(Pool.java:17)",
        logger="shop.Pool",
        instance="cart-1",
    ),
    _log(
        2,
        "2026-11-30T07:00:00",
        "cart",
        "INFO",
        "GET /healthz 200",
        status_code=200,
        latency_ms=0.4,
    ),
    _log(3, "2026-11-30T07:00:00", "order", "WARN", "exhausted pool is refilled", latency_ms=500.0),
    _log(
        4,
        "2026-11-30T07:00:00.001",
        "Order-API",
        "FATAL",
        "pool_exhausted: giving up",
        status_code=500,
        attributes={"http.route": "/cart/{id}", "peer": "10.0.0.12:5432"},
    ),
    _log(
        5, "2026-11-30T08:30:00", "支付", "ERROR", "データベース接続に失敗しました", status_code=504
    ),
    _log(6, "2026-11-30T08:30:00", "café", "DEBUG", "Crème brûlée préparée", user_id="u-42"),
    _log(
        7,
        "2026-11-29T23:59:59",
        "cart",
        "TRACE",
        'user said: "NOT now" (maybe) a*b',
        request_id="r-1",
    ),
    _log(
        8, "1999-12-31T23:59:59", "old", "INFO", "poolside party", attributes={"request": "id r-1"}
    ),
    _log(9, "2026-11-30T07:15:00", "cart", "INFO", "", latency_ms=499.999),
    _log(10, "2026-11-30T07:15:00", "cart", "INFO", "path /var/log/app.log read by user42"),
)

# The query, and the numbers of the logs that it finds, newest first; those of one millisecond in
# any order.
FOUND: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("", (5, 6, 9, 10, 4, 2, 3, 1, 7, 8)),
    ("*", (5, 6, 9, 10, 4, 2, 3, 1, 7, 8)),
    ("service:cart", (9, 10, 2, 1, 7)),
    ("service:CART", (9, 10, 2, 1, 7)),
    ("service:order", (3,)),
    ("service:order*", (4, 3)),
    ("service:(order OR old)", (3, 8)),
    ("service:支付", (5,)),
    ("service:caf*", (6,)),
    ("level:error", (5, 1)),
    ("level:warning", (3,)),
    ("level:>=error", (5, 4, 1)),
    ("pool", (4, 3, 1)),
    ("POOL", (4, 3, 1)),
    ('"pool exhausted"', (4, 1)),
    ("pool exhausted", (4, 3, 1)),
    ("pool_exhausted", (4, 1)),
    ("pool*", (4, 3, 1, 8)),
    ("pool* -exhausted", (8,)),
    ("level:error pool", (1,)),
    ("pool level:(error OR warn) -service:order", (1,)),
    ("NOT service:cart", (5, 6, 4, 3, 8)),
    ("-level:info -pool", (5, 6, 7)),
    ("healthz OR service:old", (2, 8)),
    ("(healthz OR pool) service:cart", (2, 1)),
    ("status_code:503", (1,)),
    ("status:5xx", (5, 4, 1)),
    ("status_code:>=500 status_code:<504", (4, 1)),
    ("status_code:[500 TO 503]", (4, 1)),
    ("status_code:{500 TO 503}", ()),
    ("-status_code:*", (6, 9, 10, 3, 7, 8)),
    ("latency_ms:[500 TO *]", (3, 1)),
    ("latency_ms:>500", (1,)),
    ("latency_ms:<0.5", (2,)),
    ("trace_id:4BF92F3577B34DA6A3CE929D0E0E4736", (1,)),
    ("4bf92f3577b34da6a3ce929d0e0e4736", (1,)),
    ("trace_id:4bf9*", (1,)),
    ("error_code:pool-7", (1,)),
    ("exception:SQLException", (1,)),
    ('"shop.Pool.take"', (1,)),
    ("exception:*", (1,)),
    ("instance:cart-1 logger:shop.*", (1,)),
    ("attributes.http.route:/cart", (4,)),
    ("attributes.peer:10.0.0.12", (4,)),
    ("10.0.0.12", (4,)),
    ("10.0.0.1", ()),
    ("attributes.http:*", ()),
    ("request_id:r-1", (7,)),
    ("user_id:u-4*", (6,)),
    ("timestamp:2026-11-30", (5, 6, 9, 10, 4, 2, 3, 1)),
    ("timestamp:<2000-01-01", (8,)),
    ("timestamp:[2026-11-30T07:00:00 TO 2026-11-30T07:00:00]", (4, 2, 3)),
    ("timestamp:2026-11-30T08:59:59.999+02:00", (1,)),
    ("接続", (5,)),
    ('"接続に失敗"', (5,)),
    ("失敗接続", ()),
    ("brûlée", (6,)),
    ("BRU\u0302LE\u0301E", (6,)),
    ('"NOT now"', (7,)),
    (r"a\*b", (7,)),
    ("message:app.log", (10,)),
    ("user42", (10,)),
    ("nothinglikeit", ()),
    (f"log_id:{log_id(3)}", (3,)),
    (log_id(3).upper(), (3,)),
)
