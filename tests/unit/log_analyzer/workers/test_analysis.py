"""What the worker of the model's questions gives to a question."""

from __future__ import annotations

import threading
from typing import Any

from firstcause.incidents.records import SimilarIncident
from firstcause.incidents.view import Analysis, IncidentView
from log_analyzer.model.question import Reply
from log_analyzer.prompting.example_incident import example_incident
from log_analyzer.workers.analysis import AnalysisWorker


class Stores:
    """The incident, its message, its claim and its analysis, of one incident; and the model."""

    def __init__(self, view: IncidentView) -> None:
        self.view = view
        self.asked: list[IncidentView] = []
        self.answered = threading.Event()

    def in_state(self, _: str) -> list[Any]:
        return [self.view.incident_id]

    def read(self, _: object) -> IncidentView:
        return self.view

    def claim(self, *_: object) -> bool:
        return True

    def release(self, *_: object) -> None:
        self.answered.set()

    def write(self, *_: object) -> None:
        pass

    def ask(self, view: IncidentView, state: str) -> Reply:
        self.asked.append(view)
        answer = Analysis("mistral", "The pool.", "payment", "likely", (), (), state=state)
        return Reply(answer)


def test_the_model_is_told_similar_incidents() -> None:
    view = example_incident()
    similar, stores = view.similar, Stores(view)
    looked_up: list[IncidentView] = []

    def found(one: IncidentView) -> tuple[SimilarIncident, ...]:
        looked_up.append(one)
        return similar[:1]

    now = [view.last_ms]
    worker = AnalysisWorker(
        store=stores,
        outbox=stores,
        reader=stores,
        questioner=stores,
        owner="a",
        similar=found,
        clock_ms=lambda: now[0],
    )
    while not stores.asked:
        # It waits for an incident to settle, by the clock that it is given.
        worker.run_once()
        now[0] += 1_000
        assert now[0] < view.last_ms + 3_600_000
        if worker.busy():
            assert stores.answered.wait(60)
    assert [one.similar for one in stores.asked] == [similar[:1]]
    assert len(looked_up) == 1
