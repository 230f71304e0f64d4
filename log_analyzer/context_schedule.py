"""When an incident's context is gathered. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from log_analyzer.context_choice import groups_of
from log_analyzer.incident_onset import onset_ms
from log_analyzer.incident_view import IncidentView

GATHERS_OF_AN_INCIDENT: Final = 6
GATHER_PAUSE_MS: Final = 30_000
_SINCE: Final = ": "


@dataclass(frozen=True, slots=True)
class Gathers:
    """How often an incident's context was gathered, when last, and how the incident stood then.

    `state` is empty when the last gathering has not ended well: it died, or found too little,
    or the fault was too young to be compared with normal for good.
    """

    count: int = 0
    claimed_ms: int = 0
    state: str = ""


def state_of(view: IncidentView) -> str:
    """How far an incident has grown: its services, its groups, the size of its error count.

    In front stands since when, so that what came back is another state.
    """
    magnitude = int(math.log10(max(1, view.error_count)))
    services = ",".join(sorted({*view.services, *(one.service_name for one in groups_of(view))}))
    size = f"{len(groups_of(view))} groups, 10^{magnitude} errors, {services}"
    return f"{onset_ms(view)}{_SINCE}{size}"


def gather_due(gathers: Gathers, state: str, now_ms: int) -> bool:
    """True when an incident's context is to be gathered, for the first time or again.

    Again when the incident has grown since, or the last gathering did not end well: at most each
    30 s, and 6 times an incident; beyond that only when it has come back.
    """
    if gathers.count == 0:
        return True
    if gathers.count >= GATHERS_OF_AN_INCIDENT:
        came_back = gathers.state.partition(_SINCE)[0] != state.partition(_SINCE)[0]
        return bool(gathers.state) and came_back
    return now_ms - gathers.claimed_ms >= GATHER_PAUSE_MS and gathers.state != state
