"""Reads stored spans: those of some traces, within bounds of rows and time that always hold."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

import structlog
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Session
from cassandra.concurrent import execute_concurrent_with_args

from firstcause.cassandra import AWAY
from firstcause.root_cause.span import Span

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
    asked = [(trace_id,) for trace_id in islice(wanted, TRACES_MAX)]
    if not asked or timeout_seconds <= 0:
        return []
    profile = session.execution_profile_clone_update(
        EXEC_PROFILE_DEFAULT, request_timeout=timeout_seconds
    )
    # All at once: a query that waited for its turn would add its time to theirs.
    results = execute_concurrent_with_args(
        session,
        _CQL,
        asked,
        concurrency=len(asked),
        raise_on_first_error=False,
        execution_profile=profile,
    )
    failed = [result.result_or_exc for result in results if not result.success]
    for error in failed:
        if not isinstance(error, AWAY):
            raise error
    if failed or len(asked) < len(wanted):
        _log.warning(
            "spans_incomplete",
            traces=len(wanted),
            failed=len(failed),
            beyond_bound=len(wanted) - len(asked),
            reason=f"{type(failed[0]).__name__}: {failed[0]}"[:300] if failed else None,
        )
    return [
        span
        for result in results
        if result.success
        for span in _in_order(result.result_or_exc.current_rows)
    ]


def _in_order(rows: Iterable[Any]) -> list[Span]:
    spans = [Span(**{name: getattr(row, name) for name in _COLUMNS}) for row in rows]
    return sorted(spans, key=lambda span: (span.start_ns, span.span_id))
