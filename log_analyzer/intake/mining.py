"""Assigns the template, and so the group, to an error before it is counted."""

from __future__ import annotations

from typing import cast

from firstcause.events.log_event import LogEvent
from log_analyzer.episodes.alerts import AlertEvent
from log_analyzer.episodes.consumed_error import ConsumedError
from log_analyzer.intake.uncommitted_batch import ReadError
from log_templates.headline import headline
from log_templates.miner import TemplateMiner


def mined(miner: TemplateMiner, error: ReadError) -> ConsumedError:
    """The error with its template; blocks and raises as the miner's `add` does.

    An alert needs no miner: its template is its rule's.
    """
    message = error.message
    arrived_ms = message.timestamp()[1]
    event = error.event
    if isinstance(event, AlertEvent):
        # Its words are numbers of a window; the rule is what tells alerts apart.
        place = cast(int, message.partition()), cast(int, message.offset())
        return ConsumedError(event, *place, event.template, event.template_id, arrived_ms)
    return with_template(
        miner,
        error.event,
        cast(int, message.partition()),
        cast(int, message.offset()),
        arrived_ms if arrived_ms > 0 else None,
    )


def with_template(
    miner: TemplateMiner,
    event: LogEvent,
    partition: int,
    offset: int,
    arrived_ms: int | None = None,
) -> ConsumedError:
    """An error event with its template and its place; blocks and raises as the miner does."""
    line = headline(event.message, event.exception, event.logger, event.error_code)
    template = miner.add(line)
    return ConsumedError(event, partition, offset, template.text, template.template_id, arrived_ms)
