"""The task function of the DAG `search_rebuild`."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

from dags.tasks.time_span import time_span

log = logging.getLogger(__name__)


def rebuild_index(params: Any = None) -> dict[str, Any]:
    """Makes stored logs findable again from Cassandra; the count and the time as result.

    What is in the index already is replaced, so a retry is harmless. The lines of the log tell
    each hour that is done.

    Raises:
        AirflowFailException: the form's *from* is not before its *to*.
        FirstcauseError: the search-indexer, or somebody else, writes the index; it takes no
            writes; or Cassandra does not answer.
    """
    from firstcause.settings import load_settings
    from firstcause.text.event_time import iso
    from search.commands.rebuild import rebuild_from_cassandra

    def told(hour: datetime, count: int) -> None:
        log.info("%s UTC: %s logs so far", f"{hour:%Y-%m-%d %H:00}", f"{count:,}")

    settings = load_settings()
    start_ms, end_ms = time_span(params, timedelta(days=settings.search_keep_days))
    count = rebuild_from_cassandra(settings, start_ms, end_ms, told)
    log.info("%s logs from %s to %s are findable.", f"{count:,}", iso(start_ms), iso(end_ms))
    return {"from": iso(start_ms), "to": iso(end_ms), "logs": count}
