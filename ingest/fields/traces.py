"""Trace and span ids in every spelling that is in use, as lower-case hex."""

from __future__ import annotations

import re
from typing import Any, Final

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}", re.IGNORECASE)
_RESOURCE_NAME = re.compile(r"projects/[^/]+/traces/([0-9a-fA-F]{32})")
_X_RAY = re.compile(r"(?:Root=)?1-([0-9a-fA-F]{8})-([0-9a-fA-F]{24})\b.*")
_HEX = re.compile(r"[0-9a-f]+")
_DECIMAL = re.compile(r"[0-9]{17,20}")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
TRACE_HEX_CHARS: Final = (16, 32)
SPAN_HEX_CHARS: Final = 16


def trace_id_of(value: Any) -> str | None:
    """A trace id as 16 or 32 hex digits in lower case; None when the value is none.

    Takes hex of either case, UUIDs, Google's resource names, AWS X-Ray's form, W3C's traceparent
    and decimal numbers of 64 bits (Datadog). An id of zeros is none: tracers write it where no
    span is active.
    """
    text = _id_text(value)
    if text is None:
        return None
    if len(text) in TRACE_HEX_CHARS and _HEX.fullmatch(text) and not text.isdecimal():
        return text
    if match := _RESOURCE_NAME.fullmatch(text) or _TRACEPARENT.fullmatch(text):
        text = match[1]
    elif match := _X_RAY.fullmatch(text):
        text = match[1] + match[2]
    elif _UUID.fullmatch(text):
        text = text.replace("-", "")
    text = text.lower()
    if _DECIMAL.fullmatch(text) and int(text) < 2**64:
        text = f"{int(text):016x}"
    if not _HEX.fullmatch(text) or len(text) not in TRACE_HEX_CHARS or not text.strip("0"):
        return None
    return text


def span_id_of(value: Any) -> str | None:
    """A span id as 16 hex digits in lower case; None when the value is none or all zeros."""
    text = _id_text(value)
    if text is None:
        return None
    if len(text) == SPAN_HEX_CHARS and _HEX.fullmatch(text) and text.strip("0"):
        return text
    text = text.lower()
    if _DECIMAL.fullmatch(text) and int(text) < 2**64:
        text = f"{int(text):016x}"
    if not _HEX.fullmatch(text) or len(text) != SPAN_HEX_CHARS or not text.strip("0"):
        return None
    return text


def _id_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int) and value > 0:
        return str(value)
    return value.strip() if isinstance(value, str) and value.strip() else None
