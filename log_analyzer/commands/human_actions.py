"""`firstcause incidents ack`, `resolve`, `silence`, `feedback`: what the buttons in Slack do."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

if TYPE_CHECKING:
    from firstcause.incidents.human_actions import Action
    from firstcause.incidents.view import IncidentView

LONGEST_SILENCE = timedelta(days=90)

IncidentId = Annotated[
    str, typer.Argument(help="The incident's id, or how it begins.", show_default=False)
]
By = Annotated[str, typer.Option(help="Who does it; your login name by default.")]


def register(group: typer.Typer) -> None:
    """Adds the commands to `incidents`."""
    group.command("ack")(acknowledge)
    group.command()(resolve)
    group.command()(split)
    group.command()(silence)
    group.command()(feedback)


def acknowledge(
    incident: IncidentId,
    undo: Annotated[bool, typer.Option("--undo", help="Nobody takes care of it any more.")] = False,
    by: By = "",
) -> None:
    """Tell the others that you take care of an incident."""
    from firstcause.incidents.human_actions import Acknowledgement, AcknowledgementUndone

    person, key = _person(by), incident_id(incident)
    if undo:
        _apply(AcknowledgementUndone(key, person, _now_ms()))
        typer.echo("No longer acknowledged.")
        return
    _apply(Acknowledgement(key, person, _now_ms()))
    typer.echo(f"Acknowledged by {person}.")


def resolve(incident: IncidentId, by: By = "") -> None:
    """Say that an incident is over; errors that go on for five minutes more open it again."""
    from firstcause.incidents.human_actions import Resolution

    person = _person(by)
    _apply(Resolution(incident_id(incident), person, _now_ms()))
    typer.echo(f"Resolved by {person}.")


def split(
    incident: IncidentId,
    service: Annotated[str, typer.Argument(help="The service whose errors have another cause.")],
    by: By = "",
) -> None:
    """Part a service's errors from an incident; they become one of their own."""
    from firstcause.incidents.human_actions import Split

    _apply(Split(incident_id(incident), _person(by), _now_ms(), service))
    typer.echo(f"{service} is an incident of its own: see `firstcause incidents`.")


def silence(
    incident: IncidentId,
    span: Annotated[str, typer.Option("--for", help="How long: 30m, 8h, 2d.")] = "1h",
    off: Annotated[bool, typer.Option("--off", help="End the silence now.")] = False,
    by: By = "",
) -> None:
    """Post nothing about new incidents of the same errors for a time; they are stored."""
    from firstcause.incidents.human_actions import Silence
    from firstcause.text.typed_time import parse_span
    from log_analyzer.notify.messages.content import Moment

    try:
        length = timedelta() if off else parse_span(span)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--for") from error
    if length > LONGEST_SILENCE or (not off and not length):
        raise typer.BadParameter("from 1s to 90d", param_hint="--for")
    key, now_ms = incident_id(incident), _now_ms()
    until_ms = now_ms + length // timedelta(milliseconds=1)
    _apply(Silence(key, _person(by), now_ms, until_ms))
    typer.echo("The silence has ended." if off else f"Silenced until {Moment(until_ms).utc}.")


def feedback(
    incident: IncidentId,
    verdict: Annotated[str, typer.Argument(help="right or wrong.")],
    by: By = "",
) -> None:
    """Say whether the analysis that an incident shows now is right."""
    from firstcause.incidents.human_actions import Feedback
    from firstcause.settings import load_settings
    from log_analyzer.report.deterministic import current_analysis

    if verdict not in ("right", "wrong"):
        raise typer.BadParameter("right or wrong", param_hint="VERDICT")
    key = incident_id(incident)
    with_model = load_settings().mistral_api_key is not None
    judged = current_analysis(_view(key), model_configured=with_model)
    said = Feedback(
        key,
        _person(by),
        _now_ms(),
        "right" if verdict == "right" else "wrong",
        judged.source,
        judged.analysed_ms,
    )
    _apply(said)
    typer.echo(f"Analysis ({judged.source}) marked {verdict}.")


def incident_id(text: str) -> UUID:
    """The incident that a person typed: its id, or its first characters, four at least.

    Raises:
        typer.BadParameter: no incident's id begins so, or several do.
    """
    from firstcause.settings import load_settings
    from firstcause.storage import cassandra
    from log_analyzer.incident_history.ids import IncidentIds, read_prefix

    try:
        return UUID(text)
    except ValueError:
        prefix = read_prefix(text)
    if prefix is None:
        message = f"{text!r} is no incident's id: see `firstcause incidents`"
        raise typer.BadParameter(message, param_hint="INCIDENT")
    with cassandra.session(load_settings()) as session:
        found = IncidentIds(session).beginning_with(prefix)
    if len(found) == 1:
        return found[0]
    what = f"{len(found)} incidents' ids begin" if found else "no incident's id begins"
    message = f"{what} with {text!r}: see `firstcause incidents`"
    raise typer.BadParameter(message, param_hint="INCIDENT")


def _apply(action: Action) -> None:
    from firstcause.errors import FirstcauseError
    from firstcause.incidents.human_actions import Split
    from firstcause.settings import load_settings
    from firstcause.storage import cassandra
    from log_analyzer.notify.action_taker import ActionTaker

    with cassandra.session(load_settings()) as session:
        if ActionTaker(session).apply(action):
            return
    if isinstance(action, Split):
        raise FirstcauseError(
            f"Nothing to split: incident {action.incident_id} is of {action.service_name} alone, "
            "has no such service, or is long over."
        )
    raise _unknown(action.incident_id)


def _view(key: UUID) -> IncidentView:
    from firstcause.settings import load_settings
    from firstcause.storage import cassandra
    from log_analyzer.incident_history.reader import IncidentReader

    with cassandra.session(load_settings()) as session:
        view = IncidentReader(session).read(key)
    if view is None:
        raise _unknown(key)
    return view


def _unknown(key: UUID) -> Exception:
    from firstcause.errors import FirstcauseError

    return FirstcauseError(f"There is no incident {key}: see `firstcause incidents`.")


def _person(by: str) -> str:
    from getpass import getuser

    from firstcause.incidents.human_actions import PERSON_CHARS
    from firstcause.text.plain_text import plain_line

    return plain_line(by or getuser(), PERSON_CHARS)


def _now_ms() -> int:
    import time

    return time.time_ns() // 1_000_000
