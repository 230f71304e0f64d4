"""The lines of the report on the comparison with normal. Pure."""

from __future__ import annotations

from typing import Final

from firstcause.incidents.view import IncidentView, NormalRanking, Suspect
from firstcause.text.event_time import clock

REASONS_TOLD: Final = 2


def ranking_of(view: IncidentView) -> NormalRanking | None:
    """The incident's ranking if it has suspects; None before there is one."""
    found = view.context.ranking if view.context else None
    return found if found is not None and found.suspects else None


def cause_by_ranking(ranking: NormalRanking, traced: Suspect) -> str:
    """Why the first suspect is suspected: its evidence, and its findings from traces.

    Args:
        ranking: with a suspect at least.
        traced: the same suspect with all its reasons, those of the traces last.
    """
    first = ranking.suspects[0]
    if ranking.culprit == first.service_name:
        lead = f"The evidence against {first.service_name} is the clearest."
    else:
        lead = (
            f"The evidence against no service is so clear that it could be named; most of it "
            f"speaks of {first.service_name}."
        )
    by_traces = [why for why in traced.reasons if why not in first.reasons]
    return " ".join([lead, *first.reasons[:REASONS_TOLD], *by_traces[:1]])


def ranking_lines(view: IncidentView) -> tuple[str, ...]:
    """Against which normal, of what, and how the services score; nothing before a context."""
    if view.context is None:
        return ()
    found = view.context.ranking
    if found is None:
        return (
            "The evidence is not ranked: it could not be read, or the ranking is on its way. The "
            "suspects stand in the order of the call graph and of who failed first.",
        )
    whole = "all events" if found.whole else "a sample of traces"
    compared = (
        f"{clock(found.start_ms)} to {clock(found.end_ms)} ({whole}: {found.events:,} events, "
        f"{found.spans:,} spans) with {_normal(found)}."
    )
    scores = ", ".join(f"{one.service_name} {one.departure:.2f}" for one in found.suspects)
    if not found.fits_normal:
        verdict = (
            "Inconclusive: nearly all of it is new, so that only errors tell. Learn normal again"
        )
    elif found.clocks_moved:
        verdict = "Inconclusive: hosts' clocks disagree, and only logs tell by how much"
    elif found.culprit is not None:
        verdict = f"{found.culprit} stands out"
    else:
        verdict = "Inconclusive: nobody stands out, neither from chance nor from the next"
    early = " The first minute was not over: it is compared again." if found.young else ""
    return (compared, f"{verdict} (scores: {scores or 'none'}).{early}")


def _normal(found: NormalRanking) -> str:
    if found.has_normal:
        return f"the normal of {clock(found.learned_ms)}"
    return "its own beginning, for no normal is learned yet"
