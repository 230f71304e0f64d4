"""Reads stored spans of some traces, within limits of rows and time."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

import structlog
from cassandra.cluster import Session

from firstcause.events.span import Span
from firstcause.storage.cassandra import pages_in_time

TRACES_MAX: Final = 500
# Below the driver's page, so that a trace is one request.
TRACE_SPANS_MAX: Final = 2_000

_COLUMNS: Final = tuple(Span.__dataclass_fields__)
_CQL: Final = (
    f"SELECT {', '.join(_COLUMNS)} FROM spans WHERE trace_id = %s "  # noqa: S608
    f"LIMIT {TRACE_SPANS_MAX}"
)

_log = structlog.get_logger()


def spans_of_traces(
    session: Session, trace_ids: Iterable[str], timeout_seconds: float
) -> list[Span]:
    """The stored spans of these traces (ids as they are stored), trace by trace, each oldest first.

    At most `TRACE_SPANS_MAX` of a trace, and of the first `TRACES_MAX` traces (repeated ids count
    once). All are asked for at once. What fails or is late is left out, and told in the program's
    log. Blocks for little longer than `timeout_seconds`; raises nothing while Cassandra is away.

    Raises:
        Exception: the driver's, when no repetition would help (no table `spans`).
    """
    wanted = dict.fromkeys(trace_ids)
    asked = list(islice(wanted, TRACES_MAX))
    if timeout_seconds <= 0:
        return []
    pages = pages_in_time(session, [(_CQL, (one,)) for one in asked], timeout_seconds)
    failed = [page for page in pages if isinstance(page, Exception)]
    if failed or len(asked) < len(wanted):
        _log.warning(
            "spans_incomplete",
            traces=len(wanted),
            failed=len(failed),
            beyond_bound=len(wanted) - len(asked),
            reason=f"{type(failed[0]).__name__}: {failed[0]}"[:300] if failed else None,
        )
    return [span for page in pages if isinstance(page, list) for span in _in_order(page)]


def _in_order(rows: Iterable[Any]) -> list[Span]:
    spans = [Span(**{name: getattr(row, name) for name in _COLUMNS}) for row in rows]
    return sorted(spans, key=lambda span: (span.start_ns, span.span_id))
