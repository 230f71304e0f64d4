"""The values of an incident's status and severity."""

from __future__ import annotations

from typing import Final, Literal

Status = Literal["open", "resolved"]
Severity = Literal["critical", "high", "medium", "low"]
# The least first.
SEVERITIES: Final[tuple[Severity, ...]] = ("low", "medium", "high", "critical")
