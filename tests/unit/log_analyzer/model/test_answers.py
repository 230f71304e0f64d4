"""A log line can say anything, also that it proves what it says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from firstcause.incidents.view import IncidentContext, NormalRanking, Suspect
from log_analyzer.model.answers import earned
from tests.unit.log_analyzer.notify.test_message import a_view

TWO_TRACES = ("a", "b")
RANKING = NormalRanking(
    culprit="payment",
    suspects=(Suspect("payment", (), departure=4.0),),
    fits_normal=True,
    normal_version="v",
    learned_ms=0,
    start_ms=0,
    end_ms=1,
    events=9,
)


def context(
    suspects: tuple[Suspect, ...] = (), ranking: NormalRanking | None = None
) -> IncidentContext:
    return IncidentContext(gathered_ms=1, suspects=suspects, ranking=ranking)


@pytest.mark.parametrize(
    ("known", "confidence"),
    [
        (None, "likely"),
        (context(), "likely"),
        (context((Suspect("payment", (), 0.9, TWO_TRACES),)), "confirmed"),
        (context((Suspect("payment", (), 0.9, ("a",)),)), "likely"),
        (context((Suspect("payment", (), 0.1, TWO_TRACES),)), "likely"),
        (context((Suspect("order", (), 0.9, TWO_TRACES),)), "likely"),
        (context(ranking=RANKING), "confirmed"),
        (context(ranking=replace(RANKING, culprit=None)), "likely"),
        (context(ranking=replace(RANKING, culprit="order")), "likely"),
        (context(ranking=replace(RANKING, fits_normal=False)), "likely"),
    ],
)
def test_confirmed_needs_what_no_log_line_can_say(known, confidence) -> None:
    view = a_view(context=known)
    assert earned(view, "payment", "confirmed") == confidence
    assert earned(view, "payment", "likely") == "likely"
    assert earned(view, "payment", "inconclusive") == "inconclusive"
