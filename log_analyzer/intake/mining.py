"""Gives a readable error its template, before it is counted."""

from __future__ import annotations

from typing import cast

from log_analyzer.episodes.episode import ConsumedError
from log_analyzer.intake.uncommitted_batch import ReadError
from log_templates.headline import headline
from log_templates.miner import TemplateMiner


def mined(miner: TemplateMiner, error: ReadError) -> ConsumedError:
    """The error with its template; blocks and raises as the miner's `add` does."""
    event, message = error.event, error.message
    line = headline(event.message, event.exception, event.logger, event.error_code)
    template = miner.add(line)
    return ConsumedError(
        event,
        cast(int, message.partition()),
        cast(int, message.offset()),
        template.text,
        template.template_id,
    )
