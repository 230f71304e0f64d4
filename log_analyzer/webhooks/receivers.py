"""The file `notifications.yaml`: who is told of which alerts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import pydantic

from alerting.alert import Kind
from firstcause.checked_yaml import CheckedYaml, StrictModel
from firstcause.incidents.states import Severity

PAGERDUTY_URL: Final = "https://events.pagerduty.com/v2/enqueue"
Url = Annotated[str, pydantic.Field(pattern=r"^https?://[^\s/?#]+[^\s]*$", max_length=2_000)]
Name = Annotated[str, pydantic.Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


class Webhook(StrictModel):
    """Takes alerts in the form of Alertmanager's webhook, version 4.

    With `secret_file` each request is signed as Standard Webhooks has it. The path is taken from
    the folder of the file that names it.
    """

    url: Url
    secret_file: Path | None = None


class PagerDuty(StrictModel):
    """Takes alerts as PagerDuty's Events v2. The file holds the integration's routing key."""

    routing_key_file: Path
    url: Url = PAGERDUTY_URL


class Receiver(StrictModel):
    """Whom to tell: one of `webhook` and `pagerduty`."""

    name: Name
    webhook: Webhook | None = None
    pagerduty: PagerDuty | None = None

    @pydantic.model_validator(mode="after")
    def _is_one(self) -> Receiver:
        if (self.webhook is None) == (self.pagerduty is None):
            raise ValueError("one of webhook and pagerduty is needed")
        return self


class Route(StrictModel):
    """Alerts of these severities, kinds and services (all where none is named) go to receivers."""

    receivers: tuple[Name, ...] = pydantic.Field(min_length=1)
    severities: tuple[Severity, ...] | None = pydantic.Field(None, min_length=1)
    kinds: tuple[Kind, ...] | None = pydantic.Field(None, min_length=1)
    services: tuple[str, ...] | None = pydantic.Field(None, min_length=1)

    def takes(self, severity: str, kind: str | None, service_name: str) -> bool:
        """Whether an alert goes this way; one of others has no kind."""
        return (
            (self.severities is None or severity in self.severities)
            and (self.kinds is None or kind in self.kinds)
            and (self.services is None or service_name in self.services)
        )


class Notifications(StrictModel):
    """All of the file. Every route that takes an alert has it; a receiver is told once."""

    version: Annotated[int, pydantic.Field(ge=1, le=1)]
    receivers: tuple[Receiver, ...] = ()
    routes: tuple[Route, ...] = ()

    def receivers_of(
        self, severity: str, kind: str | None, service_name: str
    ) -> tuple[Receiver, ...]:
        """Whom to tell of an alert, in the order of the file."""
        named = {
            name
            for route in self.routes
            if route.takes(severity, kind, service_name)
            for name in route.receivers
        }
        return tuple(one for one in self.receivers if one.name in named)


def load_notifications(path: Path) -> Notifications:
    """The receivers and routes of a file, with the keys' files found from its folder. Blocks.

    Without the file nobody is told.

    Raises:
        FirstcauseError: a mistake in the file, by file and line; a key's file that can't be read.
    """
    if not path.exists():
        return Notifications(version=1)
    content = CheckedYaml(path)
    found = content.validated(Notifications)
    known: set[str] = set()
    receivers = []
    for index, one in enumerate(found.receivers):
        if one.name in known:
            raise content.mistake(
                ("receivers", index, "name"), f"two receivers are called {one.name}"
            )
        known.add(one.name)
        receivers.append(_with_files(content, index, one, path.parent))
    for index, route in enumerate(found.routes):
        for at, name in enumerate(route.receivers):
            if name not in known:
                raise content.mistake(
                    ("routes", index, "receivers", at), f"there is no receiver {name}"
                )
    return found.model_copy(update={"receivers": tuple(receivers)})


def _with_files(content: CheckedYaml, index: int, one: Receiver, folder: Path) -> Receiver:
    part, key = ("webhook", "secret_file") if one.webhook else ("pagerduty", "routing_key_file")
    section = one.webhook or one.pagerduty
    file: Path | None = getattr(section, key)
    if section is None or file is None:
        return one
    file = (folder / file).resolve()
    try:
        is_empty = not file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        place = ("receivers", index, part, key)
        raise content.mistake(place, f"{file}: cannot be read ({error})") from None
    if is_empty:
        raise content.mistake(("receivers", index, part, key), f"{file}: the file is empty")
    return one.model_copy(update={part: section.model_copy(update={key: file})})
