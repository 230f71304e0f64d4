"""An installation in memory whose texts a test chooses, and questions by the SDK's client."""

from __future__ import annotations

import dataclasses
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import anyio
import orjson
from mcp import Client

from alerting.objectives.burn_rate import ObjectiveStatus
from assistant.sources import FoundLogs
from assistant.tools import Tools, server_of
from firstcause.cli.mcp import RedactedIncidents, redaction
from firstcause.events.span import Span
from firstcause.incidents.view import (
    ContextLog,
    ErrorGroup,
    Evidence,
    IncidentContext,
    IncidentView,
    NormalRanking,
    Suspect,
    TimelineEntry,
)
from root_cause.explanation.normal_summary import (
    AmbientError,
    EventRate,
    Following,
    ServiceSummary,
    UsualTime,
)
from search.patterns.comparison import Change, PatternChange
from search.patterns.store import Pattern
from tests.unit.api.world import NOW, NOW_MS, IncidentsInMemory, an_incident

TRACE = "4ae9a7734adbf27997161bbdd85a3e93"
LOG_ID = uuid.UUID("6f0f1c36-1d11-4c4c-8b6b-2f8f5a3f9a01")
TEMPLATE_ID = uuid.UUID("9b8f7a10-1111-5222-8333-2f8f5a3f9a02")


class World:
    """`Sources` whose texts are these, over and over."""

    def __init__(self, texts: Sequence[str], *, slow_seconds: float = 0.0) -> None:
        self.texts = list(texts)
        self.incidents = RedactedIncidents(IncidentsInMemory([incident_with(self.texts)]))
        self.slow_seconds = slow_seconds

    def logs(self, query: object, from_ms: int, to_ms: int, limit: int) -> FoundLogs:
        time.sleep(self.slow_seconds)
        return FoundLogs([log_row(text) for text in self.texts], 1, True)

    def pattern_changes(
        self, service: str | None, before_ms: int, from_ms: int, to_ms: int
    ) -> list[tuple[PatternChange, Pattern | None]]:
        assert before_ms < from_ms < to_ms
        return [
            (
                PatternChange(("payment", TEMPLATE_ID), Change.NEW, 0, 7),
                Pattern("payment", TEMPLATE_ID, text, "ERROR", NOW_MS, NOW_MS),
            )
            for text in self.texts
        ]

    def trace(self, trace_id: str) -> tuple[list[tuple[int, Span]], list[dict[str, Any]]]:
        spans = [
            (0, Span(trace_id, "a" * 16, None, "payment", text, NOW_MS * 10**6, 1_500))
            for text in self.texts
        ]
        return spans, [log_row(text) for text in self.texts]

    def services(self) -> Mapping[str, datetime]:
        return {
            "payment": NOW,
            **dict.fromkeys(self.texts, NOW),
        }

    def normal(self, service: str) -> ServiceSummary | None:
        if service != "payment":
            return None
        return ServiceSummary(
            tuple(EventRate(text, 5, 1.5) for text in self.texts),
            tuple(Following(text, text, 0.5, 4) for text in self.texts),
            tuple(UsualTime(text, 1.0, 2.0, 3) for text in self.texts),
            tuple(AmbientError(text, 3, 0.1) for text in self.texts),
            3.0,
        )

    def objectives(self) -> list[ObjectiveStatus]:
        return [
            ObjectiveStatus(
                f"objective {n}", "payment", text, 0.99, 10**9, NOW_MS, 5, 100, {"1h": 5.0}
            )
            for n, text in enumerate(self.texts)
        ]


def log_row(text: str) -> dict[str, Any]:
    return {
        "log_id": LOG_ID,
        "timestamp": NOW,
        "service_name": "payment",
        "level": "ERROR",
        "message": text,
        "error_code": text,
        "exception": text,
        "trace_id": TRACE,
        "attributes": {"password": text},
    }


def incident_with(texts: Sequence[str]) -> IncidentView:
    evidence = tuple(
        Evidence(str(LOG_ID), NOW_MS, "payment", "ERROR", text, text, TRACE, None, None)
        for text in texts
    )
    suspects = tuple(Suspect("payment", (text,), log_ids=(str(LOG_ID),)) for text in texts)
    ranking = NormalRanking(
        "payment", suspects, True, "v1", NOW_MS, NOW_MS, NOW_MS + 1, 7,
        path=("payment", "order"), hops=tuple(texts),
    )  # fmt: skip
    lines = tuple(ContextLog(str(LOG_ID), NOW_MS, "payment", "WARN", text) for text in texts)
    context = IncidentContext(
        NOW_MS,
        suspects,
        tuple(TimelineEntry(NOW_MS, "payment", text, str(LOG_ID)) for text in texts),
        lines,
        lines,
        ranking=ranking,
    )
    groups = tuple(
        ErrorGroup(uuid.uuid5(LOG_ID, text), "payment", text, 7, NOW_MS, NOW_MS) for text in texts
    )
    return dataclasses.replace(
        an_incident(),
        title=f"order: {texts[0]}",
        template=texts[0],
        evidence=evidence,
        context=context,
        groups=groups,
    )


# A question for each tool.
QUESTIONS: dict[str, dict[str, Any]] = {
    "incidents": {"start": (NOW.replace(tzinfo=UTC)).isoformat()},
    "incident": {"incident_id": str(an_incident().incident_id)},
    "search_logs": {"query": "level:error"},
    "patterns_diff": {"start": "1h"},
    "trace": {"trace_id": TRACE},
    "services": {},
    "normal": {"service": "payment"},
    "objectives": {},
}


def ask(world: World, questions: Sequence[tuple[str, dict[str, Any]]], **options: Any) -> list[Any]:
    """What the official client is answered, over the SDK's transport in memory."""
    return anyio.run(partial(_ask, world, questions, **options))


async def _ask(
    world: World, questions: Sequence[tuple[str, dict[str, Any]]], **options: Any
) -> list[Any]:
    # The bound of time is far away unless a test is about it: a busy machine is no mistake.
    bounds = {"answer_seconds": 120.0, **options}
    async with Client(server_of(Tools(world, redaction, **bounds))) as client:
        return [await client.call_tool(name, arguments) for name, arguments in questions]


def text_of(result: Any) -> str:
    [content] = result.content
    assert result.structured_content is None
    return str(content.text)


def answer_of(result: Any) -> dict[str, Any]:
    assert not result.is_error, text_of(result)
    told: dict[str, Any] = orjson.loads(text_of(result))
    return told
