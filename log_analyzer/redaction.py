"""What must not leave for the model: obvious secrets become placeholders."""

from __future__ import annotations

import re
from typing import Final

_PATTERNS: Final = (
    ("JWT", re.compile(r"\beyJ[\w-]{5,}\.[\w-]{5,}\.[\w-]*")),
    ("BEARER", re.compile(r"(?i)\b(?:bearer|basic)\s+[\w.~+/=-]{8,}")),
    ("KEY", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\b(?:sk|xox[abprs]|ghp)[-_][\w-]{10,}")),
    (
        "SECRET",
        re.compile(
            r"(?i)\b(?:password|passwd|pwd|secret|api[_-]?key|token)\b[\"']?\s*[=:]\s*"
            r"[\"']?[^\s\"',;&]{3,}"
        ),
    ),
    ("EMAIL", re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")),
)


def redact(text: str) -> str:
    """`text` with e-mail addresses, tokens, keys and passwords as `<KIND>`. Pure."""
    for kind, pattern in _PATTERNS:
        text = pattern.sub(f"<{kind}>", text)
    return text
