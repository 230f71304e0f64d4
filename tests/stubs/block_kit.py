"""What Slack refuses of a message: the documented limits of Block Kit, counted strictly.

https://docs.slack.dev/reference/block-kit/blocks; characters are counted as UTF-16 code units.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

BLOCKS = 50
MESSAGE_CHARS = 13_000
SECTION_CHARS = 3_000
HEADER_CHARS = 150
FIELDS, FIELD_CHARS = 10, 2_000
CONTEXT_ELEMENTS = 10
ACTION_ELEMENTS = 25
BUTTON_CHARS = 75
VALUE_CHARS = 2_000
ID_CHARS = 255

# What may follow an ampersand or stand between angle brackets: anything else is not escaped.
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt);)")
_MARKUP = re.compile(r"<([^<>]*)>")
# A time that Slack shows in the reader's zone, with a text for those that can't.
_DATE = re.compile(r"!date\^\d{1,10}\^[a-z_{}, ]+\|[^<>|]+")
_LINK = re.compile(r"https?://[^|]+(\|[^|]*)?")


def length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def refusal(blocks: Any, text: str | None) -> str | None:
    """Slack's word for a message that it does not take; None for one that it takes."""
    blocks = blocks or []
    if not blocks and not text:
        return "no_text"
    if mistakes(blocks):
        return "invalid_blocks"
    if sum(length(one) for one in texts(blocks)) > MESSAGE_CHARS:
        return "msg_blocks_too_long"
    return "msg_too_long" if length(text or "") > 40_000 else None


def mistakes(blocks: Any) -> list[str]:
    """All that is wrong with blocks, in words."""
    if not isinstance(blocks, list) or len(blocks) > BLOCKS:
        return [f"not a list of at most {BLOCKS} blocks"]
    ids = [one["block_id"] for one in blocks if "block_id" in one]
    found = ["a block_id stands twice"] if len(set(ids)) < len(ids) else []
    return found + [f"{one.get('type')}: {what}" for one in blocks for what in _of_block(one)]


def _of_block(block: dict[str, Any]) -> Iterator[str]:
    if not 0 < length(block.get("block_id", "x")) <= ID_CHARS:
        yield "block_id"
    match block.get("type"):
        case "header":
            yield from _of_text(block.get("text"), HEADER_CHARS, kinds=("plain_text",))
        case "section":
            fields = block.get("fields") or []
            if "text" in block or not fields:
                yield from _of_text(block.get("text"), SECTION_CHARS)
            if len(fields) > FIELDS:
                yield "too many fields"
            for one in fields:
                yield from _of_text(one, FIELD_CHARS)
        case "context":
            elements = block.get("elements") or []
            if not 0 < len(elements) <= CONTEXT_ELEMENTS:
                yield "wrong number of elements"
            for one in elements:
                yield from _of_text(one, SECTION_CHARS)
        case "actions":
            yield from _of_actions(block.get("elements") or [])
        case "divider":
            pass
        case other:
            yield f"a block type that is not used here: {other}"


def _of_actions(elements: list[dict[str, Any]]) -> Iterator[str]:
    if not 0 < len(elements) <= ACTION_ELEMENTS:
        yield "wrong number of elements"
    ids = [one.get("action_id") for one in elements]
    if len(set(ids)) < len(ids):
        yield "an action_id stands twice"
    for one in elements:
        if one.get("type") != "button":
            yield "only buttons are used here"
        if not 0 < length(one.get("action_id") or "") <= ID_CHARS:
            yield "action_id"
        if length(one.get("value") or "") > VALUE_CHARS:
            yield "value"
        if one.get("style") not in (None, "primary", "danger"):
            yield "style"
        yield from _of_text(one.get("text"), BUTTON_CHARS, kinds=("plain_text",))


def _of_text(
    element: Any, limit: int, kinds: tuple[str, ...] = ("mrkdwn", "plain_text")
) -> Iterator[str]:
    if not isinstance(element, dict) or element.get("type") not in kinds:
        yield f"a text must be {' or '.join(kinds)}"
        return
    text = element.get("text")
    if not isinstance(text, str) or not text.strip() or length(text) > limit:
        yield f"a text must have 1 to {limit} characters"


def texts(blocks: Any) -> list[str]:
    """All texts of blocks, buttons included."""
    return [one["text"] for one in text_objects(blocks)]


def text_objects(blocks: Any) -> list[dict[str, Any]]:
    """All text objects of blocks."""
    found = []
    for block in blocks:
        parts = [block.get("text"), *block.get("fields", ()), *block.get("elements", ())]
        for part in parts:
            inner = part.get("text") if part else None
            found += [part] if isinstance(inner, str) else [inner] if inner else []
    return found


def alive(blocks: Any, *, own_links: str = "") -> list[str]:
    """What in the blocks could act on a reader: mentions, links, formats where none should be.

    `own_links` is how an allowed link begins.
    """
    found = []
    for one in text_objects(blocks):
        text = one["text"]
        if re.search(r"@\w", text):
            found.append(f"a mention: {text!r}")
        if re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", text):
            found.append(f"a control character: {text!r}")
        if one["type"] == "plain_text":
            continue
        if not one.get("verbatim"):
            found.append(f"Slack would look for links in {text!r}")
        if _BARE_AMPERSAND.search(text):
            found.append(f"an ampersand that is not escaped: {text!r}")
        found += [
            f"markup: <{markup}>"
            for markup in _MARKUP.findall(text)
            if not _DATE.fullmatch(markup)
            and not (own_links and _LINK.fullmatch(markup) and markup.startswith(own_links))
        ]
        bare = _MARKUP.sub("", text)
        if re.search(r"[<>]", bare):
            found.append(f"an angle bracket that is not escaped: {text!r}")
        if re.search(r"://|\bwww\.", bare):
            found.append(f"a link: {text!r}")
    return found
