"""Builds the Block Kit blocks that messages use, within Slack's limits. Pure.

Limits from https://docs.slack.dev/reference/block-kit/blocks and .../composition-objects.
"""

from __future__ import annotations

from typing import Any, Final

Block = dict[str, Any]

HEADER_CHARS: Final = 150
SECTION_CHARS: Final = 3_000
BLOCKS: Final = 50
BUTTON_TEXT_CHARS: Final = 75
# Of all texts of a message together; beyond it Slack says msg_too_long or msg_blocks_too_long.
MESSAGE_CHARS: Final = 13_000
FALLBACK_CHARS: Final = 500


def header(text: str) -> Block:
    """A headline; `text` is at most `HEADER_CHARS` and no markup."""
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": False}}


def section(text: str) -> Block:
    """A paragraph of mrkdwn, at most `SECTION_CHARS`."""
    return {"type": "section", "text": _mrkdwn(text)}


def context(*texts: str) -> Block:
    """Small print: at most ten pieces of mrkdwn."""
    return {"type": "context", "elements": [_mrkdwn(text) for text in texts]}


def button(action_id: str, text: str, value: str, style: str | None = None) -> Block:
    """A button; `style` is primary, danger or None."""
    made: Block = {
        "type": "button",
        "action_id": action_id,
        "text": {"type": "plain_text", "text": text, "emoji": True},
        "value": value,
    }
    return made | {"style": style} if style else made


def actions(block_id: str, *buttons: Block) -> Block:
    """A row of at most 25 buttons."""
    return {"type": "actions", "block_id": block_id, "elements": list(buttons)}


def _mrkdwn(text: str) -> Block:
    # verbatim: Slack looks for no channel names, user names or addresses in the text.
    return {"type": "mrkdwn", "text": text, "verbatim": True}
