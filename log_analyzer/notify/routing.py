"""Chooses the Slack channel of an incident by its severity and its suspect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import pydantic

from firstcause.checked_yaml import CheckedYaml, StrictModel
from firstcause.incidents.states import Severity
from firstcause.incidents.view import IncidentView
from log_analyzer.report.sections import suspect_names

# A name as Slack allows it, or an id.
_CHANNEL: Final = r"^(#[^\s#@<>,.&|!:]{1,80}|[CG][A-Z0-9]{6,20})$"

AVOID_MS: Final = 600_000

ServiceName = Annotated[str, pydantic.Field(min_length=1, max_length=255)]


class Route(StrictModel):
    """Incidents of these severities (all when absent) and services (all when absent)."""

    channel: str = pydantic.Field(pattern=_CHANNEL)
    severities: tuple[Severity, ...] | None = pydantic.Field(None, min_length=1)
    services: tuple[ServiceName, ...] | None = pydantic.Field(None, min_length=1)

    def takes(self, severity: Severity, service_name: str) -> bool:
        """Whether an incident goes this way; names are compared as they are, case included."""
        return (self.severities is None or severity in self.severities) and (
            self.services is None or service_name in self.services
        )


class _Routes(StrictModel):
    routes: tuple[Route, ...]


class Router:
    """Routes in their order: the first that takes an incident has it, else `default`."""

    def __init__(self, default: str, routes: tuple[Route, ...] = ()) -> None:
        self.default = default
        self._routes = routes
        self._avoided_until_ms: dict[str, int] = {}

    def avoid(self, channel: str, now_ms: int) -> None:
        """A channel does not accept messages: `default` replaces it for ten minutes."""
        self._avoided_until_ms[channel] = now_ms + AVOID_MS

    def channel_of(self, view: IncidentView, now_ms: int) -> str:
        """The channel for an incident that has no message yet.

        The service is the first suspect of the rules: its people can act. Nothing that a log
        or the model says has a part in it.
        """
        service_name = suspect_names(view)[0]
        for route in self._routes:
            if route.takes(view.severity, service_name):
                avoided = self._avoided_until_ms.get(route.channel, 0) > now_ms
                return self.default if avoided else route.channel
        return self.default


def load_router(path: Path, default: str) -> Router:
    """The routes of a file; without the file every incident goes to `default`.

    Raises:
        FirstcauseError: a mistake in the file, named by file and line.
    """
    if not path.exists():
        return Router(default)
    source = CheckedYaml(path)
    routes = source.validated(_Routes).routes
    for place, route in enumerate(routes[:-1]):
        if route.severities is None and route.services is None:
            text = f"this route takes everything, so the {len(routes) - place - 1} below never do"
            raise source.mistake(("routes", place), text)
    return Router(default, routes)
