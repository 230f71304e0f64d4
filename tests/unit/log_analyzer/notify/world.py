"""Delivery of messages with all its parts, on an outbox, a channel and a clock in memory."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

from firstcause.incidents.view import IncidentView
from log_analyzer.notify.announcements.announcer import Announcer
from log_analyzer.notify.channel import MessageKey, Posted, Reply
from log_analyzer.notify.delivery import Delivery
from log_analyzer.notify.digests.delivery import Digests
from log_analyzer.notify.message_row import DIGESTS, MessageRow, Waiting
from log_analyzer.notify.messages.content import Note, plain_text
from log_analyzer.notify.messages.digest import Member
from log_analyzer.notify.messages.told import Told, from_text, to_text
from log_analyzer.notify.posting import MessageSender
from log_analyzer.notify.routing import Router
from log_analyzer.notify.threads.delivery import ThreadDelivery
from log_analyzer.notify.threads.outbox import ReplyRow

START_MS = 1_700_000_000_000


class Outbox:
    """The rows of messages, as `MessageOutbox` keeps them."""

    def __init__(self) -> None:
        self.rows: dict[uuid.UUID, MessageRow] = {}
        self.happened: dict[uuid.UUID, int | None] = {}

    def ensure_all(self, happened, not_before_ms: int = 0) -> None:
        for incident, happened_ms in happened.items():
            self.happened[incident] = happened_ms
            self.ensure(incident, not_before_ms)

    def ensure(self, incident: uuid.UUID, not_before_ms: int = 0) -> None:
        row = self.rows.get(incident)
        if row is None:
            row = MessageRow(incident, "pending", uuid.uuid4(), not_before_ms=not_before_ms)
        elif row.state == "settled":
            row = dataclasses.replace(row, state="live" if row.ts else "pending")
        self.rows[incident] = dataclasses.replace(row, epoch=uuid.uuid4())

    def create(self, key: uuid.UUID, kind: Any, *, target, told, not_before_ms, of_incident=None):
        fields = {"kind": kind, "of_incident": of_incident, "target": target, "told": told}
        row = MessageRow(key, "pending", uuid.uuid4(), not_before_ms=not_before_ms, **fields)
        self.rows.setdefault(key, row)

    def revive(self, key: uuid.UUID) -> None:
        row = self.rows.get(key)
        if row is not None and row.state == "settled" and row.ts:
            self.rows[key] = dataclasses.replace(row, state="live", epoch=uuid.uuid4())

    def waiting(self, state: str) -> list[Waiting]:
        return [
            Waiting(
                key,
                row.kind,
                None if row.kind in DIGESTS else row.about,
                row.not_before_ms,
                self.happened.get(key),
            )
            for key, row in self.rows.items()
            if row.state == state
        ]

    def read(self, key: uuid.UUID) -> MessageRow | None:
        return self.rows.get(key)

    def read_all(self, keys) -> list[MessageRow | None]:
        return [self.read(key) for key in keys]

    def move_all(self, rows) -> list[MessageRow | None]:
        return [self.move(row) for row in rows]

    def move(self, row: MessageRow) -> MessageRow | None:
        if self.rows[row.incident_id].epoch != row.epoch:
            return None
        told = from_text(to_text(row.told)) if row.told else None
        assert told == row.told
        self.rows[row.incident_id] = dataclasses.replace(row, epoch=uuid.uuid4(), told=told)
        return self.rows[row.incident_id]


class Threads:
    """The rows of replies, as `ThreadOutbox` keeps them."""

    def __init__(self) -> None:
        self.rows: dict[tuple[uuid.UUID, str, str], ReplyRow] = {}

    def plan(self, incident, reply, thread, now_ms, *, broadcast=False, facts=None) -> None:
        row = ReplyRow(incident, reply, "pending", uuid.uuid4(), thread, now_ms)
        row = dataclasses.replace(row, broadcast=broadcast, facts=dict(facts or {}))
        self.rows.setdefault((incident, thread.message_id, reply), row)

    def in_state(self, state: str) -> list[ReplyRow]:
        return [row for row in self.rows.values() if row.state == state]

    def read(self, row: ReplyRow) -> ReplyRow | None:
        return self.rows.get((row.incident_id, row.thread.message_id, row.reply))

    def move(self, row: ReplyRow) -> ReplyRow | None:
        key = (row.incident_id, row.thread.message_id, row.reply)
        if self.rows[key].epoch != row.epoch:
            return None
        self.rows[key] = dataclasses.replace(row, epoch=uuid.uuid4())
        return self.rows[key]

    @property
    def names(self) -> list[str]:
        return [row.reply for row in self.rows.values()]


class DigestMemory:
    """What `DigestStore` keeps."""

    def __init__(self) -> None:
        self.heads: dict[str, uuid.UUID] = {}
        self.named: dict[uuid.UUID, dict[uuid.UUID, Member]] = {}
        self.sent: dict[uuid.UUID, int] = {}

    def current(self, kind: str) -> uuid.UUID | None:
        return self.heads.get(kind)

    def begin(self, kind: str, after: uuid.UUID | None) -> uuid.UUID:
        if self.heads.get(kind) == after:
            self.heads[kind] = uuid.uuid5(uuid.NAMESPACE_OID, f"{kind}{after}")
        return self.heads[kind]

    def join(self, digest: uuid.UUID, members) -> None:
        for one in members:
            self.named.setdefault(digest, {}).setdefault(one.incident_id, one)

    def members(self, digest: uuid.UUID) -> list[Member]:
        return sorted(
            self.named.get(digest, {}).values(), key=lambda one: (one.joined_ms, one.incident_id)
        )

    def note_sent(self, incidents, now_ms: int) -> None:
        self.sent |= dict.fromkeys(incidents, now_ms)

    def sent_within(self, span_ms: int, now_ms: int) -> set[uuid.UUID]:
        return {key for key, at in self.sent.items() if at > now_ms - span_ms}


@dataclasses.dataclass
class Message:
    """A message in a channel, with what became of it and what its thread holds."""

    channel: str
    key: MessageKey
    note: Note
    posted_ms: int
    updates: list[Note] = dataclasses.field(default_factory=list)
    replies: list[Reply] = dataclasses.field(default_factory=list)
    pictures: int = 0

    @property
    def shown(self) -> str:
        return plain_text((self.updates or [self.note])[-1].parts)

    @property
    def reply_names(self) -> list[str]:
        return [one.name for one in self.replies]

    @property
    def broadcasts(self) -> list[str]:
        return [one.name for one in self.replies if one.broadcast]


class MemoryChannel:
    """A channel that keeps its messages, and fails as it is told."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self.messages: dict[str, Message] = {}
        self.failures: list[Exception | None] = []
        self.history_failures: list[Exception] = []
        self.update_failures: list[Exception] = []
        self.wait_ms = 0
        self.expected = 0
        self.held = True
        self._clock_ms = clock_ms

    def _fail(self) -> None:
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure

    def ready_in_ms(self, *_) -> int:
        return self.wait_ms

    def expect_post(self) -> None:
        self.expected += 1

    def post(self, channel: str, key: MessageKey, note: Note) -> Posted:
        self._fail()
        name = f"m{len(self.messages) + 1}"
        self.messages[name] = Message(channel, key, note, self._clock_ms())
        return Posted(f"C-{channel}", name)

    def update(self, posted: Posted, _: MessageKey, note: Note) -> None:
        if self.update_failures:
            raise self.update_failures.pop(0)
        self._fail()
        self.messages[posted.message_id].updates.append(note)

    def holds(self, _: str) -> bool:
        return self.held

    def find(self, channel: str, key: MessageKey, _: int) -> Posted | None:
        if self.history_failures:
            raise self.history_failures.pop(0)
        for name, one in self.messages.items():
            if (one.channel, one.key) == (channel, key):
                return Posted(f"C-{channel}", name)
        return None

    def link(self, posted: Posted) -> str:
        return f"https://example.slack.com/{posted.message_id}"

    def reply(self, thread: Posted, _: MessageKey, reply: Reply) -> Posted:
        self._fail()
        self.messages[thread.message_id].replies.append(reply)
        return Posted(f"{thread.message_id}", f"reply {id(reply)}")

    def upload(self, thread: Posted, *_) -> Posted:
        self._fail()
        self.messages[thread.message_id].pictures += 1
        return Posted(f"{thread.message_id}", "picture")

    def remove(self, posted: Posted) -> None:
        self._fail()
        if posted.message_id in self.messages:
            del self.messages[posted.message_id]
            return
        thread = self.messages[posted.channel]
        thread.pictures -= posted.message_id == "picture"
        thread.replies = [one for one in thread.replies if f"reply {id(one)}" != posted.message_id]

    def has_reply(self, thread: Posted, _: MessageKey, name: str) -> bool:
        message = self.messages[thread.message_id]
        return name in message.reply_names or (name == "picture" and message.pictures > 0)


class World:
    """Incidents by their id, and all that delivers them; a pass is half a second unless told."""

    def __init__(self, *views: IncidentView, router: Router | None = None, **options) -> None:
        self.now_ms = START_MS
        self.views = {one.incident_id: one for one in views}
        self.outbox, self.threads, self.digests = Outbox(), Threads(), DigestMemory()
        self.channel = MemoryChannel(lambda: self.now_ms)
        self.reopened: list[uuid.UUID] = []
        self.reads = 0
        self.router = router or Router("#incidents")
        self.options = options
        for one in views:
            self.outbox.ensure(one.incident_id)
        self.restart()

    def restart(self) -> None:
        """What a process held in memory is gone; the stores and the channel stay."""
        clock_ms = lambda: self.now_ms  # noqa: E731
        reader: Any = SimpleNamespace(read=self._read, read_all=self._read_all)
        handling: Any = SimpleNamespace(reopen=self._reopen)
        outbox: Any = self.outbox
        threads: Any = self.threads
        digests: Any = self.digests
        sender = MessageSender(
            outbox=outbox, channel=self.channel, router=self.router, owner="me", clock_ms=clock_ms
        )
        announcer = Announcer(
            outbox=outbox,
            threads=threads,
            channel=self.channel,
            router=self.router,
            detail_after_ms=60_000,
        )
        self.delivery = Delivery(
            outbox=outbox,
            sender=sender,
            announcer=announcer,
            digests=Digests(
                store=digests,
                outbox=outbox,
                threads=threads,
                sender=sender,
                router=self.router,
                clock_ms=clock_ms,
            ),
            reader=reader,
            handling=handling,
            channel=self.channel,
            router=self.router,
            clock_ms=clock_ms,
            **({"model_configured": False} | self.options),
        )
        self.thread_delivery = ThreadDelivery(
            threads=threads,
            reader=reader,
            channel=self.channel,
            owner="me",
            model_configured=False,
            clock_ms=clock_ms,
        )

    def _read(self, incident: uuid.UUID) -> IncidentView | None:
        self.reads += 1
        return self.views.get(incident)

    def _read_all(self, incidents) -> dict[uuid.UUID, Future]:
        found: dict[uuid.UUID, Future] = {one: Future() for one in incidents}
        for one, future in found.items():
            try:
                future.set_result(self._read(one))
            except Exception as error:  # noqa: BLE001 - as a future keeps it
                future.set_exception(error)
        return found

    def _reopen(self, incident: uuid.UUID) -> None:
        self.reopened.append(incident)
        self.change(incident, status="open", reopened=True)

    @property
    def only(self) -> uuid.UUID:
        [key] = self.views
        return key

    @property
    def row(self) -> MessageRow:
        return self.outbox.rows[self.only]

    @row.setter
    def row(self, row: MessageRow) -> None:
        self.outbox.rows[row.incident_id] = row

    @property
    def posts(self) -> list[Message]:
        return list(self.channel.messages.values())

    @property
    def post(self) -> Message:
        [only] = self.posts
        return only

    def change(self, incident: uuid.UUID | None = None, **changes) -> None:
        """An incident is another, and whoever watches it is told."""
        key = incident or self.only
        self.views[key] = dataclasses.replace(self.views[key], **changes)
        self.outbox.ensure(key)
        self.delivery.poke(key)

    def run(self, number: int = 1, step_ms: int = 500) -> None:
        for _ in range(number):
            self.delivery.run_once()
            self.thread_delivery.run_once()
            self.now_ms += step_ms

    def run_for(self, span_ms: int, step_ms: int = 2_000) -> None:
        self.run(span_ms // step_ms, step_ms)


def told_of(world: World) -> Told:
    told = world.row.told
    assert told is not None
    return told
