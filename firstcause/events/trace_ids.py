"""Normalises ids of traces and spans from their many spellings. Pure.

Stored are 1 to 16 or 32 hexadecimal digits in lower case. An id of 64 bits that was padded to 128
is stored without the padding, so that both spellings are one trace. The Spark expressions
(`spark/records/log_fields.py`) use the same patterns.
"""

from __future__ import annotations

import re
from typing import Final

from firstcause.events.message_json import BLANKS, END

# As it is stored already, as nearly always.
PLAIN_PATTERN: Final = rf"^(?!0{{16}})([0-9a-f]{{32}}|[0-9a-f]{{16}}){END}"
# What appenders write where there is no trace: zeros, dashes, nothing.
NO_ID_PATTERN: Final = rf"^[0-]*{END}"
HEX_PATTERN: Final = rf"^([0-9a-f]{{1,16}}|[0-9a-f]{{32}}){END}"
PADDING_PATTERN: Final = rf"^0{{16}}(?=[0-9a-f]{{16}}{END})"
# The unsigned 64 bits of Datadog; shorter ones can't be told from hexadecimal digits.
DECIMAL_PATTERN: Final = rf"^[0-9]{{17,20}}{END}"
DECIMAL_MAX: Final = 2**64 - 1

# Forms that hold a trace id in group 1, in lower case.
TRACE_FORMS: Final = (
    # W3C traceparent.
    rf"^[0-9a-f]{{2}}-([0-9a-f]{{32}})-[0-9a-f]{{16}}-[0-9a-f]{{2}}{END}",
    # AWS X-Ray, with or without the name of its header's part.
    rf"^(?:root=)?1-([0-9a-f]{{8}}-[0-9a-f]{{24}}){END}",
    # Google Cloud: a resource name, and the header X-Cloud-Trace-Context.
    rf"^projects/[^/]+/traces/([0-9a-f]{{32}}){END}",
    rf"^([0-9a-f]{{32}})/[0-9]+(?:;o=[0-9])?{END}",
    # B3 in one header; Jaeger's uber-trace-id.
    rf"^([0-9a-f]{{16}}|[0-9a-f]{{32}})-[0-9a-f]{{16}}-[01d](?:-[0-9a-f]{{16}})?{END}",
    rf"^([0-9a-f]{{1,16}}|[0-9a-f]{{32}}):[0-9a-f]{{1,16}}:[0-9a-f]{{1,16}}:[0-9a-f]{{1,2}}{END}",
)

_PLAIN = re.compile(PLAIN_PATTERN)
_NO_ID = re.compile(NO_ID_PATTERN)
_HEX = re.compile(HEX_PATTERN)
_PADDING = re.compile(PADDING_PATTERN)
_DECIMAL = re.compile(DECIMAL_PATTERN)
_TRACE_FORMS = tuple(re.compile(form) for form in TRACE_FORMS)


def says_no_id(text: str) -> bool:
    """True for text that means no id: empty, blanks, dashes, zeros."""
    return _NO_ID.match(text.strip(BLANKS)) is not None


def trace_id_of(text: str) -> str | None:
    """The id of a trace as it is stored; None where `text` holds none.

    Known are hexadecimal digits of either case with dashes or without, the decimal number of 64
    bits, and `TRACE_FORMS`.
    """
    return text if _PLAIN.match(text) else _stored(text, _TRACE_FORMS)


def span_id_of(text: str) -> str | None:
    """The id of a span in its stored form; None if `text` is not one."""
    return text if _PLAIN.match(text) else _stored(text, ())


def _stored(text: str, forms: tuple[re.Pattern[str], ...]) -> str | None:
    told = text.strip(BLANKS).lower()
    held = next((found[1] for form in forms if (found := form.match(told))), told)
    if _NO_ID.match(held):
        return None
    if _DECIMAL.match(held):
        number = int(held)
        return f"{number:016x}" if number <= DECIMAL_MAX else None
    plain = held.replace("-", "")
    return _PADDING.sub("", plain) if _HEX.match(plain) else None
