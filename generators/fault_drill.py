"""The event stream of a fault drill: a scenario that starts now, in real time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from firstcause.errors import FirstcauseError
from generators.output.message_batch import MessageBatch, paced
from generators.scenario import Scenario
from generators.stream.event_stream import EventStream, GeneratorParameters


@dataclass(slots=True)
class FaultDrill:
    """One drill. Send `batches()` with `kafka_producer.produce`.

    Attributes:
        parameters: with a scenario; the start should be about now.
        first_error_ms: event time of the first ERROR or FATAL that `batches` has yielded, ms
            since the epoch; None until then.
        events_yielded: how many events `batches` has yielded.

    Raises (from the constructor):
        FirstcauseError: no scenario, or a mistake in it.
    """

    parameters: GeneratorParameters
    first_error_ms: int | None = field(default=None, init=False)
    events_yielded: int = field(default=0, init=False)
    _stream: EventStream = field(init=False)
    _scenario: Scenario = field(init=False)

    def __post_init__(self) -> None:
        self._stream = EventStream(self.parameters)
        if self._stream.scenario is None:
            raise FirstcauseError(
                "A drill needs a scenario: see `firstcause generate --list-scenarios`."
            )
        self._scenario = self._stream.scenario

    @property
    def culprit(self) -> str:
        """The service where the fault truly is."""
        return self._scenario.culprit

    @property
    def culprit_logs_errors(self) -> bool:
        """Whether the culprit itself says ERROR or FATAL."""
        return self._scenario.culprit_logs_errors

    @property
    def cause(self) -> str:
        """The true cause, in words."""
        return self._scenario.cause

    @property
    def fault_times(self) -> tuple[datetime, datetime]:
        """Start and end of the fault, in event time."""
        times = self._stream.fault_times
        assert times is not None, "a stream with a scenario has a fault"  # noqa: S101
        return times

    def batches(self, *, real_time: bool = True) -> Iterator[MessageBatch]:
        """Yields the events when their time has come, or at once; call it once."""
        batches = self._stream.batches()
        if real_time:
            batches = paced(batches, origin_us=self.parameters.start_us)
        for batch in batches:
            if self.first_error_ms is None and batch.first_error_us is not None:
                self.first_error_ms = batch.first_error_us // 1000
            self.events_yielded += len(batch)
            yield batch
