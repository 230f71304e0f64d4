"""The lines of the report on how the fault spread. Pure."""

from __future__ import annotations

from firstcause.incidents.view import IncidentView

TITLE = "How it spread"
HOP_CHARS = 400


def path_line(view: IncidentView) -> str | None:
    """From the first suspect to the last service that complains; None where nobody else does."""
    found = view.context.ranking if view.context else None
    return " → ".join(found.path) if found is not None and len(found.path) > 1 else None


def path_lines(view: IncidentView) -> tuple[str, ...]:
    """The path, and a line for each hop with its evidence; nothing if there is no path."""
    found = view.context.ranking if view.context else None
    line = path_line(view)
    return (line, *found.hops) if line is not None and found is not None else ()
