"""Tests of rules, in files: minutes or recorded events, and the alerts that are to come of them."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pydantic

from alerting.alert import Alert, Mode
from alerting.measures.sketch import bucket_of
from alerting.recorded import minutes_of
from alerting.rules.engine import Engine
from alerting.series import values_of
from alerting.windows import MINUTE_MS, WindowKind, WindowMetrics
from firstcause.alerts.rules_file import load_rules
from firstcause.checked_yaml import CheckedYaml, StrictModel
from firstcause.errors import FirstcauseError
from firstcause.events.log_event import LogEvent, UnreadableLogEvent, read_log_event
from firstcause.incidents.states import Severity
from firstcause.text.typed_time import parse_span

DEFAULT_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_NO_FUTURE_MS: Final = 2**52


class Series(StrictModel):
    """Minutes of a service, each key in the notation of `alerting.series`. `events` says how many.

    `latency_ms` is the latency of all events of the minute, the other keys count events.
    """

    service: str = pydantic.Field(min_length=1)
    events: str
    errors: str = ""
    fatals: str = ""
    status_4xx: str = ""
    status_5xx: str = ""
    latency_ms: str = ""
    error_codes: dict[str, str] = pydantic.Field(default_factory=dict)


class ExpectedAlert(StrictModel):
    """An alert that is to come. Times are counted from the test's start, such as `20m`."""

    rule: str
    service: str
    onset: str
    resolved: str | None = None
    severity: Severity | None = None
    mode: Mode | None = None


class RuleTest(StrictModel):
    """One test: all alerts that its minutes make are named, and no other."""

    name: str
    start: datetime = DEFAULT_START
    windows: tuple[Series, ...] = ()
    events: str | None = pydantic.Field(None, description="A file of JSON Lines, .gz too")
    alerts: tuple[ExpectedAlert, ...] = ()


class RuleTestFile(StrictModel):
    """A file of tests; `rules` is the file of rules, from the folder of this one."""

    rules: str
    tests: tuple[RuleTest, ...] = pydantic.Field(min_length=1)


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """What a test gave: the alerts that are missing and those that nobody expected, in words."""

    name: str
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """True when the alerts are those that were expected."""
        return not self.missing and not self.unexpected


def run_rule_tests(path: Path) -> list[TestOutcome]:
    """Runs a file of tests by the engine that runs live; blocks.

    Raises:
        FirstcauseError: a mistake in the file, its rules or recorded events, by file and line.
    """
    content = CheckedYaml(path)
    file = content.validated(RuleTestFile)
    rules = load_rules((path.parent / file.rules).resolve())
    known = rules.by_name
    outcomes = []
    for index, test in enumerate(file.tests):
        start_ms = round(test.start.timestamp() * 1_000)
        rows = [
            row
            for at, series in enumerate(test.windows)
            for row in _rows(content, ("tests", index, "windows", at), series, start_ms)
        ]
        if test.events is not None:
            rows += minutes_of(_recorded((path.parent / test.events).resolve()))
        until_ms = max((row.end_ms for row in rows), default=0)
        found = Engine(rules).judge(rows, until_ms)
        expected = []
        for at, one in enumerate(test.alerts):
            place = ("tests", index, "alerts", at)
            if one.rule not in known:
                raise content.mistake((*place, "rule"), f"there is no rule {one.rule}")
            expected.append((one, _expected(content, place, one, start_ms)))
        outcomes.append(_compared(test.name, expected, found, start_ms))
    return outcomes


_Times = tuple[int, int | None]


def _compared(
    name: str,
    expected: list[tuple[ExpectedAlert, _Times]],
    found: tuple[Alert, ...],
    start_ms: int,
) -> TestOutcome:
    left = list(found)
    missing = []
    for one, times in expected:
        match = next((alert for alert in left if _fits(one, times, alert)), None)
        if match is None:
            resolved = f", resolved {one.resolved}" if one.resolved else ", not resolved"
            missing.append(f"{one.rule} of {one.service}, onset {one.onset}{resolved}")
        else:
            left.remove(match)
    return TestOutcome(name, tuple(missing), tuple(_told(alert, start_ms) for alert in left))


def _fits(one: ExpectedAlert, times: _Times, alert: Alert) -> bool:
    return (
        (one.rule, one.service, times)
        == (alert.rule, alert.service_name, (alert.window_start_ms, alert.resolved_ms))
        and one.severity in {None, alert.severity}
        and one.mode in {None, alert.mode}
    )


def _told(alert: Alert, start_ms: int) -> str:
    onset = (alert.window_start_ms - start_ms) // MINUTE_MS
    resolved = ", not resolved"
    if alert.resolved_ms is not None:
        resolved = f", resolved {(alert.resolved_ms - start_ms) // MINUTE_MS}m"
    return f"{alert.rule} of {alert.service_name}, onset {onset}m{resolved}: {alert.sentence}"


def _expected(
    content: CheckedYaml, place: tuple[str | int, ...], one: ExpectedAlert, start_ms: int
) -> _Times:
    found: list[int | None] = []
    for key in ("onset", "resolved"):
        text = getattr(one, key)
        try:
            span = None if text is None else parse_span(text)
        except ValueError as error:
            raise content.mistake((*place, key), f"{key}: {error}") from None
        found.append(None if span is None else start_ms + span // timedelta(milliseconds=1))
    return found[0] or start_ms, found[1]


def _rows(
    content: CheckedYaml, place: tuple[str | int, ...], series: Series, start_ms: int
) -> Iterator[WindowMetrics]:
    columns: dict[str, list[float | None]] = {}
    for key in ("events", "errors", "fatals", "status_4xx", "status_5xx", "latency_ms"):
        columns[key] = _values(content, (*place, key), getattr(series, key))
    codes = {
        code: _values(content, (*place, "error_codes", code), text)
        for code, text in series.error_codes.items()
    }
    for at, value in enumerate(columns["events"]):
        if not value:
            continue
        events = int(value)
        errors, fatals = (int(_at(columns[key], at)) for key in ("errors", "fatals"))
        statuses = {key[-3:]: int(_at(columns[key], at)) for key in ("status_4xx", "status_5xx")}
        bad = sum(statuses.values())
        if errors + fatals > events or bad > events:
            raise content.mistake(place, f"minute {at}: more errors or statuses than events")
        latency_ms = columns["latency_ms"][at] if at < len(columns["latency_ms"]) else None
        yield WindowMetrics(
            series.service,
            WindowKind.MINUTE,
            start_ms + at * MINUTE_MS,
            start_ms + (at + 1) * MINUTE_MS,
            events=events,
            levels={"INFO": events - errors - fatals, "ERROR": errors, "FATAL": fatals},
            status_classes={"2xx": events - bad, **statuses},
            error_codes={code: int(_at(values, at)) for code, values in codes.items()},
            latency_sum_ms=(latency_ms or 0.0) * events,
            latency_min_ms=latency_ms,
            latency_max_ms=latency_ms,
            buckets={} if latency_ms is None else Counter({bucket_of(latency_ms): events}),
        )


def _values(content: CheckedYaml, place: tuple[str | int, ...], text: str) -> list[float | None]:
    try:
        return values_of(text)
    except ValueError as error:
        raise content.mistake(place, f"{place[-1]}: {error}") from None


def _at(values: list[float | None], at: int) -> float:
    return (values[at] if at < len(values) else None) or 0.0


def _recorded(path: Path) -> Iterator[LogEvent]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                try:
                    yield read_log_event(line.strip(), _NO_FUTURE_MS)
                except UnreadableLogEvent as error:
                    raise FirstcauseError(
                        f"{path}:{number}: no log event: {error.reason}"
                    ) from None
    except OSError as error:
        raise FirstcauseError(f"{path}: cannot be read ({error})") from error
