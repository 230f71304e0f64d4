"""Executes the actions that people request by a button or a command."""

from __future__ import annotations

from uuid import UUID

from cassandra.cluster import Session

from firstcause.incidents.human_actions import Action, Split
from log_analyzer.handling.human_actions_store import HumanActionsStore
from log_analyzer.incidents.board_writer import BoardWriter
from log_analyzer.incidents.call_graph import CallGraphStore
from log_analyzer.incidents.parts_told import follow_status
from log_analyzer.incidents.stores.board import BoardStore
from log_analyzer.incidents.stores.episodes import EpisodeStore
from log_analyzer.notify.outbox import MessageOutbox


class ActionTaker:
    """Actions of people. Every method blocks and raises the driver's errors."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._handling = HumanActionsStore(session)
        self._outbox = MessageOutbox(session)

    def apply(self, action: Action) -> bool:
        """Does an action; doing it again changes nothing.

        Returns False when there is no such incident, or nothing to part.

        Raises:
            LostRaceError: others kept changing the board of incidents.
        """
        if not isinstance(action, Split):
            return self._handling.apply(action)
        parts = self._split(action)
        for one in parts:
            self._outbox.ensure(one)
        return bool(parts)

    def _split(self, action: Split) -> set[UUID]:
        placer = BoardWriter(BoardStore(self._session), CallGraphStore(self._session).load)
        parts = placer.split(action.incident_id, action.service_name)
        states = EpisodeStore(self._session)
        for part in parts - {action.incident_id}:
            follow_status(states, part, action.incident_id, action.at_ms)
        return parts
