"""Logs and counts the changes of the board."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import structlog

from log_analyzer import metrics
from log_analyzer.incidents.grouping.placement import Board, BoardRow

_log = structlog.get_logger()


def tell_of(rows: Iterable[BoardRow], before: Board) -> None:
    """Says which episodes opened or joined incidents, and which incidents merged."""
    for row in rows:
        known = before.rows.get(row.episode_id)
        if known is not None:
            if row.founds:
                metrics.INCIDENTS_MERGED.inc()
                _log.info(
                    "incident_merged",
                    incident_id=str(known.incident_id),
                    merged_into=str(row.incident_id),
                )
        elif row.founds:
            metrics.INCIDENTS_OPENED.inc()
            _log.info(
                "incident_opened",
                incident_id=str(row.incident_id),
                episode_id=str(row.episode_id),
                service_name=row.service_name,
                template=row.template,
            )
        else:
            _log.info(
                "incident_joined",
                incident_id=str(row.incident_id),
                episode_id=str(row.episode_id),
                service_name=row.service_name,
                template=row.template,
            )


def tell_of_split(rows: Iterable[BoardRow], before: Board) -> set[UUID]:
    """Says which incident was split; returns it and what has left it."""
    rows = tuple(rows)
    old = {before.rows[row.episode_id].incident_id for row in rows}
    new = {row.incident_id for row in rows} - old
    for one in new:
        metrics.INCIDENTS_SPLIT.inc()
        _log.info("incident_split", incident_id=str(min(old)), new_incident_id=str(one))
    return old | new
