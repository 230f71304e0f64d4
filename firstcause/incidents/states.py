"""The words for how an incident stands and how bad it is."""

from __future__ import annotations

from typing import Literal

Status = Literal["open", "resolved"]
Severity = Literal["critical", "high", "medium", "low"]
