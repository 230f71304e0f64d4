"""Plans replies about changes of an incident, and its messages in further channels."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from firstcause.derived_ids import derived_id
from firstcause.incidents.view import Analysis, IncidentView
from log_analyzer.notify.announcements.due import (
    Situation,
    due_announcement,
    is_risen,
    told_after,
    told_at_first,
    told_in_silence,
)
from log_analyzer.notify.channel import Channel, Posted
from log_analyzer.notify.message_row import MessageRow
from log_analyzer.notify.messages.thread import due_parts
from log_analyzer.notify.messages.told import Announcement, Told
from log_analyzer.notify.outbox import MessageOutbox
from log_analyzer.notify.routing import Router
from log_analyzer.notify.threads.outbox import ThreadOutbox


class Announcer:
    """Plans announcements of what the readers of a row do not know yet.

    A decision is first written into the row (`Told.pending`), then planned in the thread's outbox.
    So a crash in between loses nothing, and two instances announce nothing twice.
    Methods block and raise the driver's errors.
    """

    def __init__(
        self,
        *,
        outbox: MessageOutbox,
        threads: ThreadOutbox,
        channel: Channel,
        router: Router,
        detail_after_ms: int,
    ) -> None:
        self._outbox = outbox
        self._threads = threads
        self._channel = channel
        self._router = router
        self._detail_after_ms = detail_after_ms
        self._risen_ms: dict[UUID, int] = {}

    def announce(
        self, row: MessageRow, thread: Posted, view: IncidentView, analysis: Analysis, now_ms: int
    ) -> MessageRow | None:
        """Plans what is due; returns the row after that, or None if another instance changed it."""
        told = row.told
        if told is None:
            # Of before this was kept: taken as told.
            told = told_at_first(Situation(view, analysis, None, now_ms))
        current = row
        if told.pending is not None:
            planned = self._carry_out(row, told.pending, thread, now_ms)
            if planned is None:
                return None
            current, told = planned, replace(told, pending=None)
        risen_ms = self._risen(row.incident_id, told, view, now_ms)
        situation = Situation(view, analysis, risen_ms, now_ms)
        told = self._with_parts(row.about, thread, told, situation)
        announcement = due_announcement(told, situation)
        if announcement is None:
            told = told_in_silence(told, situation)
            return (
                current if told == current.told else self._outbox.move(replace(current, told=told))
            )
        announcement, told = self._rerouted(row, announcement, told, situation)
        told = told_after(told, announcement, situation)
        decided = self._outbox.move(replace(current, told=told))
        if decided is None:
            return None
        return self._carry_out(decided, announcement, thread, now_ms)

    def forget(self, key: UUID) -> None:
        """Drops the state of a row that is no longer live."""
        self._risen_ms.pop(key, None)

    def _with_parts(self, about: UUID, thread: Posted, told: Told, situation: Situation) -> Told:
        """Plans picture and details; a second time does no harm."""
        view, now_ms = situation.view, situation.now_ms
        if (view.handling.silenced_until_ms or 0) > now_ms:
            return told
        due = due_parts(view, now_ms - told.posted_ms, self._detail_after_ms)
        fresh = [one for one in due if one not in told.parts]
        for part in fresh:
            self._threads.plan(about, part, thread, now_ms)
        return replace(told, parts=(*told.parts, *fresh)) if fresh else told

    def _rerouted(
        self, row: MessageRow, announcement: Announcement, told: Told, situation: Situation
    ) -> tuple[Announcement, Told]:
        """A rise may route an incident to a channel that does not know of it yet."""
        if row.kind != "incident" or announcement.kind not in ("worse", "burst", "back"):
            return announcement, told
        target = self._router.channel_of(situation.view, situation.now_ms)
        known = told.routes or ((row.target,) if row.target else ())
        if target in known or target == row.channel or not is_risen(told, situation.view):
            return announcement, told
        facts = dict(announcement.facts) | {"also_in": target}
        moved = replace(told, routes=(*known, target), moved=True)
        return replace(announcement, facts=facts), moved

    def _carry_out(
        self, row: MessageRow, announcement: Announcement, thread: Posted, now_ms: int
    ) -> MessageRow | None:
        target = announcement.facts.get("also_in")
        if target:
            first = Told(
                broadcast_ms=now_ms,
                first_link=self._channel.link(thread),
                first_channel=thread.channel,
            )
            self._outbox.create(
                linked_key(row.about, str(target)),
                "linked",
                target=str(target),
                told=first,
                not_before_ms=now_ms,
                of_incident=row.about,
            )
        if announcement.kind == "back" and row.kind == "incident" and row.told:
            for other in row.told.routes[1:]:
                self._outbox.revive(linked_key(row.about, other))
        self._threads.plan(
            row.about,
            announcement.name,
            thread,
            now_ms,
            broadcast=announcement.broadcast,
            facts=announcement.facts,
        )
        told = replace(row.told, pending=None) if row.told else None
        return self._outbox.move(replace(row, told=told))

    def _risen(self, key: UUID, told: Told, view: IncidentView, now_ms: int) -> int | None:
        if not is_risen(told, view):
            self._risen_ms.pop(key, None)
            return None
        return self._risen_ms.setdefault(key, now_ms)


def linked_key(incident: UUID, target: str) -> UUID:
    """The row of an incident's message in a further channel."""
    return derived_id("linked", str(incident), target)
