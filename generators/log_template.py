"""Message templates of the simulated shop: `LEVEL text with {variables}`."""

from __future__ import annotations

import string
from typing import Any, Final

import pydantic

from firstcause.checked_yaml import StrictModel
from firstcause.events.log_event import ERROR_LEVELS, LEVELS

# One value a request: every event of the request tells the same story.
REQUEST_VARIABLES: Final = frozenset(
    {
        "user_name",
        "user_id",
        "email",
        "city",
        "address",
        "ip",
        "order_id",
        "cart_id",
        "payment_id",
        "tracking_id",
        "sku",
        "product",
        "amount",
        "quantity",
        "card_last4",
    }
)
# A fresh value each time one is written.
EVENT_VARIABLES: Final = frozenset(
    {"rows", "size_kb", "percent", "short_ms", "queue_depth", "connections", "worker"}
)
# Known from where the event stands in the walk.
PLACE_VARIABLES: Final = frozenset(
    {"route", "operation", "callee", "status", "resource", "version", "timeout_ms"}
)
# The whole ms since the span began, or since the call began where a call is told of.
ELAPSED: Final = "elapsed_ms"
# A number that grows while a fault lasts; only in a scenario's own events.
GAUGE: Final = "gauge"

VARIABLES: Final = REQUEST_VARIABLES | EVENT_VARIABLES | PLACE_VARIABLES | {ELAPSED, GAUGE}


def template_parts(text: str) -> list[tuple[str, str | None]]:
    """Text as (literal, variable that follows it or None) pairs.

    Raises:
        ValueError: a brace without its partner, or an unknown variable.
    """
    parts = [(literal, name) for literal, name, _, _ in string.Formatter().parse(text)]
    for _, name in parts:
        if name is not None and name not in VARIABLES:
            raise ValueError(
                f"unknown variable {{{name}}}; known are {', '.join(sorted(VARIABLES))}"
            )
    return parts


class LogTemplate(StrictModel):
    """One message template; in YAML the text alone, or a mapping when it has more to it."""

    log: str
    error_code: str | None = None
    exception: str | None = pydantic.Field(None, description="Class; the stack is made for it")
    weight: float = pydantic.Field(1.0, gt=0, description="How often, beside its neighbours")

    @pydantic.model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        return {"log": value} if isinstance(value, str) else value

    @pydantic.field_validator("log")
    @classmethod
    def _checked(cls, log: str) -> str:
        level, _, text = log.partition(" ")
        if level not in LEVELS or not text.strip():
            raise ValueError(f"write `LEVEL text`, with a level out of {', '.join(LEVELS)}")
        template_parts(text)
        return log

    @property
    def level(self) -> str:
        """TRACE to FATAL."""
        return self.log.partition(" ")[0]

    @property
    def text(self) -> str:
        """What follows the level, with its variables."""
        return self.log.partition(" ")[2]

    @property
    def is_error(self) -> bool:
        """True for ERROR and FATAL."""
        return self.level in ERROR_LEVELS


def parse_log_template(line: str, exception: str | None = None) -> LogTemplate:
    """The template of a line `LEVEL text`, and of an exception with it.

    Raises:
        pydantic.ValidationError: no level, or an unknown variable.
    """
    return LogTemplate.model_validate({"log": line, "exception": exception})
