"""Lays message content out as Slack's Block Kit, within Slack's limits. Pure.

Lengths are UTF-16 code units after escaping. A text that is too long is cut at a line, else in the
line, with a sign; so is a message whose parts are too long together.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from log_analyzer.notify.messages.content import (
    Buttons,
    Code,
    Headline,
    Line,
    Link,
    Moment,
    Paragraph,
    Part,
    Quoted,
    Span,
    Strong,
)
from log_analyzer.notify.slack import block_builders
from log_analyzer.notify.slack.block_builders import Block
from log_analyzer.notify.slack.text import (
    ELLIPSIS,
    code,
    escaped,
    inert,
    length,
    plain,
    whole_lines,
)

# Slack shows dates of the years that a 32-bit clock knows.
_LAST_SHOWN_S: Final = 2**31 - 1
_DAY_FORMAT: Final = "{date_short_pretty}, {time}"
_TIME_FORMAT: Final = "{time_secs}"
CUT_SIGN: Final = f"{ELLIPSIS} the message was cut: it is too long for Slack"


def slack_blocks(parts: Iterable[Part]) -> tuple[Block, ...]:
    """The blocks of these parts, at most `block_builders.BLOCKS`, of `MESSAGE_CHARS` together."""
    blocks: list[Block] = []
    used = length(CUT_SIGN)
    for part in parts:
        block, size = _block(part)
        used += size
        if used > block_builders.MESSAGE_CHARS or len(blocks) == block_builders.BLOCKS - 1:
            return (*blocks, block_builders.context(CUT_SIGN))
        blocks.append(block)
    return tuple(blocks)


def slack_line(line: Line) -> str:
    """One line as mrkdwn."""
    return "".join(map(_span, line))


def _block(part: Part) -> tuple[Block, int]:
    if isinstance(part, Headline):
        text = plain(part.lead + part.title, block_builders.HEADER_CHARS) or ELLIPSIS
        return block_builders.header(text), length(text)
    if isinstance(part, Paragraph):
        text = whole_lines(map(slack_line, part.lines), block_builders.SECTION_CHARS)
        text = text if text.strip() else ELLIPSIS
        made = block_builders.context(text) if part.small else block_builders.section(text)
        return made, length(text)
    assert isinstance(part, Buttons)  # noqa: S101 - the last kind
    row = [
        block_builders.button(
            one.action,
            plain(one.label, block_builders.BUTTON_TEXT_CHARS) or ELLIPSIS,
            one.value,
            "primary" if one.primary else None,
        )
        for one in part.row
    ]
    size = sum(length(one.label) for one in part.row)
    return block_builders.actions("firstcause_handling", *row), size


def _span(span: Span) -> str:
    if isinstance(span, str):
        return escaped(span)
    if isinstance(span, Quoted):
        return inert(span.text, span.limit)
    if isinstance(span, Strong):
        # Of nothing Slack would show the two asterisks.
        return f"*{inert(span.text, span.limit) or ELLIPSIS}*"
    if isinstance(span, Code):
        return f"`{code(span.text, span.limit)}`"
    if isinstance(span, Link):
        address = span.url.replace("&", "&amp;").replace("|", "%7C").replace(">", "%3E")
        return f"<{address}|{escaped(span.label).replace('|', '/')}>"
    return _moment(span)


def _moment(span: Moment) -> str:
    """A date that Slack shows in the reader's time zone; UTC where it can't."""
    seconds = span.at_ms // 1_000
    if not 0 < seconds <= _LAST_SHOWN_S:
        return escaped(span.utc)
    shown = _DAY_FORMAT if span.with_day else _TIME_FORMAT
    return f"<!date^{seconds}^{shown}|{span.utc}>"
