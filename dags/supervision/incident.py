"""Waits for the incident of a drill from the triggerer, which holds no worker slot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, NoReturn

from airflow.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent

from dags.tasks.drill import DrillWatch, judged_incident

POLL_SECONDS = 1.0


class AwaitIncidentOperator(BaseOperator):
    """Waits for the incident of a drill; fails when it is missing or suspects others.

    Args:
        injected: what `inject_fault` returned; an XCom of it will do.
    """

    template_fields: Sequence[str] = ("injected",)

    def __init__(self, *, injected: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.injected = injected

    def execute(self, context: Any) -> NoReturn:
        """Defers until the incident is there, or the time is over."""
        until = time.time() + float(context["params"]["timeout_seconds"])
        self.defer(trigger=IncidentTrigger(self.injected["plan"], until), method_name="resume")
        raise AssertionError("defer() always raises")

    def resume(self, context: Any, event: dict[str, Any]) -> dict[str, Any]:
        """Judges the incident; its summary is the task's result."""
        return judged_incident(self.injected, float(context["params"]["timeout_seconds"]))


class IncidentTrigger(BaseTrigger):
    """Fires once: when the incident of a drill names its culprit, or at `until`.

    Args:
        plan: the drill's plan, as XCom has it.
        until: seconds since the epoch.
    """

    def __init__(self, plan: dict[str, Any], until: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.plan = plan
        self.until = until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The class path and the arguments, as the triggerer needs them."""
        return (
            "dags.supervision.incident.IncidentTrigger",
            {"plan": self.plan, "until": self.until},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Looks once a second; never blocks the triggerer."""
        watch = await asyncio.to_thread(DrillWatch, self.plan)
        try:
            while time.time() < self.until and not await asyncio.to_thread(watch.names_culprit):
                await asyncio.sleep(POLL_SECONDS)
        finally:
            await asyncio.to_thread(watch.close)
        yield TriggerEvent({})  # type: ignore[no-untyped-call]
