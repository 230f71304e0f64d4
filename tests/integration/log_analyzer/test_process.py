"""The analyzer as a process: real Kafka and Cassandra, Slack and Mistral as recording stubs."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from cassandra.cluster import NoHostAvailable, Session
from cassandra.concurrent import execute_concurrent_with_args
from confluent_kafka import Consumer, TopicPartition

from alerting.windows import ALL_SERVICES, MINUTE_MS, WindowKind, WindowMetrics
from firstcause.alerts.store import AlertStore
from firstcause.dead_letters import headers as dead_letter
from firstcause.kafka.topics import ensure_topics
from firstcause.settings import PROJECT_ROOT, Settings
from firstcause.storage.window_metrics import INSERT, window_row
from log_analyzer.intake.consumer import LogConsumer
from log_analyzer.intake.dead_letter_writer import DeadLetterWriter
from log_templates.miner import TemplateMiner
from tests.installation import free_ports
from tests.integration.log_analyzer.analyzer_parts import (
    DAY_MS,
    QUIET_MS,
    a_tracker,
    an_event,
    analyzer_process,
    consumed,
    eventually,
    incidents_of,
    send,
    webhooks_have_a_position,
)
from tests.stubs.mistral import UNKNOWN_LOG_ID, MistralStub
from tests.stubs.slack import CHANNEL_ID, SlackStub
from tests.stubs.webhook import serving

pytestmark = pytest.mark.integration

Start = Callable[..., AbstractContextManager[subprocess.Popen[bytes]]]


@pytest.fixture
def own(settings: Settings) -> Settings:
    """A topic and a group of the test's own in the module's keyspace."""
    suffix = uuid.uuid4().hex[:8]
    [port] = free_ports(1)
    fresh = settings.model_copy(
        update={
            "kafka_logs_topic": f"{settings.kafka_logs_topic}_{suffix}",
            "kafka_dead_letter_topic": f"{settings.kafka_dead_letter_topic}_{suffix}",
            "kafka_escalations_topic": f"{settings.kafka_escalations_topic}_{suffix}",
            "kafka_alerts_topic": f"{settings.kafka_alerts_topic}_{suffix}",
            "analyzer_group": f"{settings.analyzer_group}_{suffix}",
            "analyzer_metrics_port": port,
        }
    )
    ensure_topics(fresh)
    return fresh


@pytest.fixture
def service() -> str:
    return "pay-" + uuid.uuid4().hex.translate(str.maketrans("0123456789", "ghijklmnop"))[:10]


@pytest.fixture
def slack() -> Iterator[SlackStub]:
    with SlackStub() as stub:
        yield stub


@pytest.fixture
def stubs(slack: SlackStub) -> Iterator[tuple[SlackStub, MistralStub]]:
    with MistralStub() as mistral:
        yield slack, mistral


@pytest.fixture(autouse=True)
def _nothing_to_tell_of_earlier_tests(session: Session) -> None:
    """Messages of other tests stand in another stub: they would be posted anew in this one.

    A new process looks after the message of each incident that it finds merged on the board.
    """
    board = "incident_board"
    for table in ("incident_messages", "thread_replies", "sent_notices", "current_digests", board):
        session.execute(f"TRUNCATE {table}", timeout=60)


@pytest.fixture
def start(own: Settings, product_env: dict[str, str], slack: SlackStub, tmp_path: Path) -> Start:
    """Starts the analyzer against the Slack stub; what the test names goes before."""

    def started(**changes: object) -> AbstractContextManager[subprocess.Popen[bytes]]:
        names = (
            "kafka_logs_topic",
            "kafka_dead_letter_topic",
            "kafka_escalations_topic",
            "kafka_alerts_topic",
            "analyzer_group",
        )
        fixed: dict[str, object] = {name: getattr(own, name) for name in names}
        fixed |= {
            "analyzer_metrics_port": own.analyzer_metrics_port,
            "slack_bot_token": "xoxb-1",
            "slack_api_url": slack.api_url,
            "log_format": "json",
            # Incidents of other tests are in the same keyspace: their threads stay empty here.
            "slack_picture_after_seconds": 3_600,
        }
        return analyzer_process(product_env, tmp_path / "analyzer.log", **fixed | changes)

    return started


def committed(settings: Settings) -> int:
    """Messages that the group has committed, over all partitions."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "group.id": settings.analyzer_group,
        }
    )
    try:
        parts = consumer.list_topics(settings.kafka_logs_topic).topics[settings.kafka_logs_topic]
        wanted = [TopicPartition(settings.kafka_logs_topic, p) for p in parts.partitions]
        return sum(max(one.offset, 0) for one in consumer.committed(wanted, timeout=30))
    finally:
        consumer.close()


def messages_of(slack: SlackStub, session: Session, service: str) -> list[dict]:
    ids = [str(one.incident_id) for one in incidents_of(session, service)]
    with slack.lock:
        return [message for one in ids for message in slack.posts_of(one)]


def test_a_burst_of_2000_errors_is_one_incident_and_one_post(
    own, session, service, slack, start
) -> None:
    quiet = [an_event(service, n, level="INFO") for n in range(10_000, 13_000)]
    errors = [an_event(service, n, DAY_MS + n) for n in range(2_000)]
    with start() as process:
        send(own, [event for pair in zip(quiet, errors, strict=False) for event in pair])
        send(own, quiet[2_000:])
        [incident] = eventually(
            lambda: incidents_of(session, service),
            lambda found: found and found[0].error_count == 2_000,
        )
        eventually(lambda: committed(own), lambda count: count == 5_000)
        posts = eventually(
            lambda: messages_of(slack, session, service),
            lambda found: found and "2,000" in json.dumps(found[0]["blocks"]),
        )
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert len(posts) == 1
    assert posts[0]["updates"] <= 5
    assert posts[0]["metadata"]["event_payload"] == {"incident_id": str(incident.incident_id)}
    assert (incident.severity, incident.service_name) == ("high", service)


def test_the_same_file_sent_twice_changes_nothing_and_posts_nothing(
    own, session, service, slack, start
) -> None:
    # Two failures of one service are one incident, and one of them much later is another.
    events = [an_event(service, n, DAY_MS + n * 100) for n in range(100)]
    events += [an_event(service, n, DAY_MS + n, message="Cart gone") for n in range(100, 150)]
    events += [an_event(service, n, DAY_MS + 6 * QUIET_MS + n) for n in range(150, 180)]
    with start():
        send(own, events)
        before = eventually(
            lambda: incidents_of(session, service),
            lambda found: (
                sum(one.error_count for one in found) == 180
                and len(messages_of(slack, session, service)) == 2
            ),
        )
        send(own, events)
        eventually(lambda: committed(own), lambda count: count == 360)
    after = incidents_of(session, service)
    assert [(one.incident_id, one.error_count) for one in after] == [
        (one.incident_id, one.error_count) for one in before
    ]
    assert sorted(one.error_count for one in after) == [30, 150]
    assert len(messages_of(slack, session, service)) == 2


def test_a_storm_over_two_instances_and_three_services_is_one_post(
    own, session, service, slack, start, tmp_path, product_env
) -> None:
    # Producers key by service, so its services are on partitions of different instances.
    names = [f"{service}-{name}" for name in ("payment", "order", "gateway")]
    events = []
    for n in range(300):
        trace = {"trace_id": f"{uuid.uuid5(uuid.NAMESPACE_OID, f'{service}{n}').hex}"}
        for later, name in enumerate(names):
            span = {"span_id": f"{3 - later:x}{n:04x}"}
            if later < 2:
                span["parent_span_id"] = f"{2 - later:x}{n:04x}"
            events.append(an_event(name, n, DAY_MS + 10 * n + later, **trace, **span))
    with start() as first, start(analyzer_metrics_port=0):
        eventually(
            (tmp_path / "analyzer.log").read_text,
            lambda text: text.count('"partitions_assigned"') >= 2,
        )
        send(own, events)
        escalation = {
            "escalation_id": str(uuid.uuid4()),
            "service_name": names[1],
            "severity": "ESCALATED",
            "alert_count": 2,
            "first_alert_at": "2023-11-14T22:13:20.000Z",
            "last_alert_at": "2023-11-14T22:13:30.000Z",
            "alert_ids": [],
        }
        escalated = own.model_copy(update={"kafka_logs_topic": own.kafka_escalations_topic})
        send(escalated, [escalation, b"no escalation"])
        eventually(
            lambda: [one for name in names for one in incidents_of(session, name)],
            lambda found: len(found) == 1 and found[0].error_count == 900,
        )
        posts = eventually(
            lambda: [one for name in names for one in messages_of(slack, session, name)],
            lambda found: found and "critical" in found[0]["text"],
        )
        assert first.poll() is None
    [incident] = [one for name in names for one in incidents_of(session, name)]
    assert incident.suspects[0] == names[0]
    assert incident.services == tuple(sorted(names))
    # Whatever was merged was merged before its first notice.
    assert len(posts) == 1
    sent = [r["body"] for r in slack.recorded if r["path"] == "/api/chat.postMessage"]
    assert len([one for one in sent if "thread_ts" not in one]) == 1


def test_killed_between_the_post_and_its_record_there_is_one_post(
    own, session, service, slack, start
) -> None:
    # This incident's alone: one of another test, in the same keyspace, may be told again here.
    narrowed = {"path": "/api/chat.postMessage", "root": True, "text": service}
    slack.faults.append({"kind": "accept_then_hang", **narrowed})
    with start() as process:
        send(own, [an_event(service, n) for n in range(5)])
        eventually(lambda: messages_of(slack, session, service), lambda found: len(found) == 1)
        os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
        assert incidents_of(session, service)[0].message.state == "sending"
    with start():
        [incident] = eventually(
            lambda: incidents_of(session, service), lambda found: found[0].message.state == "live"
        )
        send(own, [an_event(service, 6)])
        [message] = eventually(
            lambda: messages_of(slack, session, service),
            lambda found: "6 errors" in found[0]["text"],
        )
    assert incident.message.ts == message["ts"]
    assert incident.message.channel == CHANNEL_ID


SLACK_FAULTS = [
    {"kind": "rate_limited", "retry_after": 1, "times": 2},
    {"kind": "http_500"},
    {"kind": "drop"},
    {"kind": "accept_then_drop"},
    {"kind": "accept_then_500"},
    {"kind": "error", "error": "invalid_auth", "times": 2},
]


def test_slack_in_trouble_gets_each_incident_once(own, session, service, slack, start) -> None:
    with start():
        for fault in SLACK_FAULTS:
            name = f"{service}-{fault['kind']}"
            with slack.lock:
                slack.faults.append(fault | {"path": "/api/chat.postMessage"})
            send(own, [an_event(name, n) for n in range(5)])
            eventually(
                lambda name=name: incidents_of(session, name),
                lambda found: found and found[0].message and found[0].message.state == "live",
            )
            assert not slack.faults
            [message] = messages_of(slack, session, name)
            assert "5 errors" in message["text"]
    at = [r["at"] for r in slack.recorded if r["fault"] == "rate_limited"]
    after = [r["at"] for r in slack.recorded if r["at"] > at[-1]]
    assert all(second - first >= 1 for first, second in itertools.pairwise([*at, after[0]]))


def with_mistral(mistral: MistralStub, **changes: object) -> dict[str, object]:
    return {"mistral_api_key": "key", "mistral_server_url": mistral.url} | changes


def test_the_models_answer_follows_the_first_notice_as_an_update(
    own, session, service, stubs, start
) -> None:
    slack, mistral = stubs
    mistral.faults.append({"kind": "cites_unknown", "times": 1_000})
    with start(**with_mistral(mistral)):
        send(own, [an_event(service, n, message=f"Mail to a{n}@b.example lost") for n in range(5)])
        [message] = eventually(
            lambda: messages_of(slack, session, service),
            lambda found: found and "The stub blames" in json.dumps(found[0]["blocks"]),
        )
        first = next(r for r in slack.recorded if r["path"] == "/api/chat.postMessage")
    assert "answer follows" in json.dumps(first["body"])
    assert UNKNOWN_LOG_ID not in json.dumps(message)
    [incident] = incidents_of(session, service)
    [analysis] = incident.analyses
    assert (analysis.source, analysis.confidence) == ("mistral", "likely")
    assert analysis.struck_out == (UNKNOWN_LOG_ID,)
    assert analysis.llm_tokens > 0
    assert sum(service in prompt for prompt in mistral.prompts) == 1
    assert not any("@b.example" in prompt for prompt in mistral.prompts)


def test_when_the_model_fails_the_deterministic_report_is_out_and_says_so(
    own, session, service, stubs, start
) -> None:
    slack, mistral = stubs
    with start(**with_mistral(mistral)):
        for kind in ("nonsense", "half", "http_500"):
            name = f"{service}-{kind}"
            with mistral.lock:
                mistral.faults[:] = [{"kind": kind, "times": 1_000}]
            send(own, [an_event(name, n) for n in range(5)])
            eventually(
                lambda name=name: messages_of(slack, session, name),
                lambda found: found and "the model did not help" in json.dumps(found[0]["blocks"]),
            )
            [incident] = incidents_of(session, name)
            assert [one.source for one in incident.analyses] == ["deterministic"]
            assert 1 <= incident.analyses[0].llm_calls <= 3


def test_a_model_that_hangs_holds_nothing_back(own, session, service, stubs, start) -> None:
    slack, mistral = stubs
    mistral.faults.append({"kind": "hang", "times": 1_000})
    with start(**with_mistral(mistral)):
        for number in range(2):
            name = f"{service}-{'ab'[number]}"
            send(own, [an_event(name, n) for n in range(5)])
            eventually(
                lambda name=name: messages_of(slack, session, name), lambda found: len(found) == 1
            )
            eventually(lambda: mistral.prompts, len)
        eventually(lambda: committed(own), lambda count: count == 10)


def test_over_the_token_budget_the_model_is_not_asked(own, session, service, stubs, start) -> None:
    slack, mistral = stubs
    with start(**with_mistral(mistral, analyzer_llm_tokens_per_hour=100)):
        send(own, [an_event(service, n) for n in range(5)])
        eventually(
            lambda: messages_of(slack, session, service),
            lambda found: found and "the budget of 100 tokens" in json.dumps(found[0]["blocks"]),
        )
    assert mistral.prompts == []


def test_without_a_token_the_preview_file_has_the_incident_once(
    own, session, service, start, tmp_path
) -> None:
    with start(slack_bot_token="", firstcause_home=tmp_path) as _:
        send(own, [an_event(service, n) for n in range(5)])
        eventually(
            lambda: incidents_of(session, service),
            lambda found: found and found[0].message and found[0].message.state == "live",
        )
    [incident] = incidents_of(session, service)
    lines = (tmp_path / "slack_preview.jsonl").read_text().splitlines()
    assert [json.loads(line)["incident_id"] for line in lines].count(str(incident.incident_id)) == 1
    assert all("no model" in line for line in lines if str(incident.incident_id) in line)
    assert "Slack preview" in (tmp_path / "analyzer.log").read_text()


def test_a_backlog_of_a_week_is_one_digest_and_what_happens_now_is_told_at_once(
    own, session, service, stubs, start
) -> None:
    """The first start: 300 incidents of seven days, and one of this minute."""
    slack, mistral = stubs
    now_ms = time.time_ns() // 1_000_000
    apart_ms = 7 * 24 * 3_600_000 // 300
    letters = str.maketrans("0123456789", "ghijklmnop")
    old = [
        an_event(f"{service}-{str(n).translate(letters)}", n, now_ms - (n + 2) * apart_ms)
        for n in range(300)
    ]
    fresh = an_event(service, 999, now_ms, message="The till is stuck")
    send(own, [*old[::-1], fresh])
    with start(**with_mistral(mistral), analyzer_old_news_seconds=3_600):
        [read] = eventually(lambda: incidents_of(session, service), len, 120)
        read_at = time.time()
        eventually(lambda: messages_of(slack, session, service), len, 120)
        eventually(lambda: committed(own), lambda count: count == 301)
        [digest] = eventually(
            lambda: [one for one in slack.messages if "older incidents" in one["text"]],
            lambda found: found and "300 older" in found[0]["text"],
            120,
        )
        eventually(lambda: mistral.prompts, len)
    assert len(slack.messages) == 2
    # The newest does not wait for the others: how fast the machine is, this shows.
    told_at, whole_at = (
        next(one["at"] for one in slack.recorded if words in json.dumps(one["body"]))
        for words in ("The till is stuck", "300 older")
    )
    assert told_at < whole_at
    print(f"told after {told_at - read_at:.1f} s, all after {whole_at - read_at:.1f} s")
    assert digest["metadata"]["event_payload"]["incident_id"] != str(read.incident_id)
    assert all("The till is stuck" in prompt for prompt in mistral.prompts)


def test_unreadable_messages_are_passed_and_health_and_metrics_tell(
    own, session, service, start
) -> None:
    with start():
        send(own, [b"not json", b"", b'{"level":"ERROR"}', an_event(service, 1)])
        eventually(lambda: incidents_of(session, service), len)
        eventually(lambda: committed(own), lambda count: count == 4)
        address = f"http://127.0.0.1:{own.analyzer_metrics_port}"
        with urllib.request.urlopen(f"{address}/healthz", timeout=10) as answer:
            assert answer.status == 200
        with urllib.request.urlopen(f"{address}/metrics", timeout=10) as answer:
            assert b"firstcause_analyzer_unreadable_total 3.0" in answer.read()


def test_it_waits_for_cassandra_at_the_start_and_says_so(own, start, tmp_path) -> None:
    with start(cassandra_port=9) as process:
        eventually(
            (tmp_path / "analyzer.log").read_text,
            lambda text: "waiting_for_cassandra" in text,
        )
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(f"http://127.0.0.1:{own.analyzer_metrics_port}/", timeout=10)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


class Turns:
    """Stands in for the stop signal: true after so many turns, or when the test is content."""

    def __init__(self, enough: Callable[[], bool], most: int = 600) -> None:
        self._enough, self._left = enough, most

    def is_set(self) -> bool:
        self._left -= 1
        return self._left <= 0 or self._enough()


def test_while_cassandra_is_away_nothing_is_committed_and_then_all_is(
    own, session, service
) -> None:
    failures = [2]

    class FlakyTracker:
        def __init__(self) -> None:
            self._inner = a_tracker(session)

        def __getattr__(self, name: str):
            return getattr(self._inner, name)

        def record(self, errors) -> None:
            if failures[0]:
                failures[0] -= 1
                assert committed(own) == 0
                raise NoHostAvailable("away", {})
            self._inner.record(errors)

    send(own, [an_event(service, n) for n in range(50)])
    consumer = LogConsumer(
        settings=own,
        tracker=FlakyTracker(),
        dead_letters=DeadLetterWriter(own),
        miner=TemplateMiner(),
    )
    consumer.run(Turns(lambda: not failures[0] and bool(incidents_of(session, service))))
    assert [one.error_count for one in incidents_of(session, service)] == [50]
    assert committed(own) == 50


def test_an_error_that_cannot_be_processed_goes_to_the_dead_letters_alone(
    own, session, service
) -> None:
    class Poisoned:
        def __init__(self) -> None:
            self._inner = a_tracker(session)

        def __getattr__(self, name: str):
            return getattr(self._inner, name)

        def record(self, errors) -> None:
            if any("poison" in error.event.message for error in errors):
                raise ValueError("poison")
            self._inner.record(errors)

    events = [an_event(service, n) for n in range(20)]
    events.insert(7, an_event(service, 99, message="poison"))
    send(own, events)
    consumer = LogConsumer(
        settings=own, tracker=Poisoned(), dead_letters=DeadLetterWriter(own), miner=TemplateMiner()
    )
    consumer.run(Turns(lambda: bool(incidents_of(session, service))))
    assert [one.error_count for one in incidents_of(session, service)] == [20]
    assert committed(own) == 21
    reader = Consumer(
        {
            "bootstrap.servers": own.kafka_bootstrap_servers,
            "group.id": f"{own.analyzer_group}_reader",
            "auto.offset.reset": "earliest",
            "enable.partition.eof": False,
        }
    )
    reader.subscribe([own.kafka_dead_letter_topic])
    try:
        [letter] = eventually(lambda: reader.consume(10, 2.0), len)
    finally:
        reader.close()
    headers = dict(letter.headers())
    assert json.loads(letter.value())["message"] == "poison"
    assert headers[dead_letter.REASON] == b"processing_failed"
    assert headers[dead_letter.TOPIC] == own.kafka_logs_topic.encode()
    assert headers[dead_letter.CONSUMER] == own.analyzer_group.encode()
    assert headers[dead_letter.OFFSET] == b"7"


def measure(session: Session, service: str, errors: Sequence[int]) -> None:
    """Window metrics of the last minutes, up to the one that has just begun: 200 events each."""
    first_ms = time.time_ns() // 1_000_000 // MINUTE_MS * MINUTE_MS - len(errors) * MINUTE_MS
    windows = [
        WindowMetrics(
            name,
            WindowKind.MINUTE,
            first_ms + at * MINUTE_MS,
            first_ms + (at + 1) * MINUTE_MS,
            events=200,
            levels={"INFO": 200 - failed, "ERROR": failed},
        )
        for at, failed in enumerate([*errors, 0])
        for name in (service, ALL_SERVICES)
    ]
    session.execute(
        "INSERT INTO services (service_name, last_heard) VALUES (%s, toTimestamp(now()))",
        (service,),
    )
    insert = session.prepare(INSERT)
    execute_concurrent_with_args(session, insert, [window_row(one) for one in windows])


def test_an_alert_without_an_error_line_is_an_incident_a_slack_message_and_a_webhook(
    own, session, service, slack, start, tmp_path
) -> None:
    notifications = tmp_path / "notifications.yaml"
    with serving() as hooks:
        notifications.write_text(
            f"version: 1\n"
            f"receivers: [{{name: hub, webhook: {{url: '{hooks.url}'}}}}]\n"
            f"routes: [{{receivers: [hub], kinds: [threshold]}}]\n"
        )
        with start(notifications=notifications, webhooks_allow_private=True):
            eventually(lambda: webhooks_have_a_position(own), bool)
            measure(session, service, [0, 0, 0, 80])
            [incident] = eventually(lambda: incidents_of(session, service), bool)
            [post] = eventually(lambda: messages_of(slack, session, service), bool)
            eventually(lambda: hooks.requests, bool)
    assert incident.severity == "high"
    assert "share of errors is 40.0%" in json.dumps(post["blocks"])
    [told] = {one.headers["webhook-id"] for one in hooks.requests}
    now_ms = time.time_ns() // 1_000_000
    [stored] = AlertStore(session).between(now_ms - 3_600_000, now_ms, service)
    assert told == f"{stored.alert.alert_id}.firing"
    assert (stored.alert.rule, stored.told_ms is not None) == ("error_rate", True)


def test_incidents_are_printed_as_json_and_for_people(
    session, service, settings, product_env
) -> None:
    a_tracker(session).record(consumed([an_event(service, n) for n in range(3)]))
    [incident] = incidents_of(session, service)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        program = (
            "import typer; from log_analyzer.commands import analyzer; app = typer.Typer();"
            "analyzer.register(app); app()"
        )
        return subprocess.run(
            [sys.executable, "-c", program, "incidents", *arguments],
            env=product_env,
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    printed = run("--service", service, "--json")
    assert printed.returncode == 0, printed.stderr
    [line] = printed.stdout.splitlines()
    found = json.loads(line)
    assert (found["incident_id"], found["error_count"], found["status"]) == (
        str(incident.incident_id),
        3,
        "open",
    )
    shown = run(str(incident.incident_id))
    assert shown.returncode == 0
    assert all(one.log_id in shown.stdout for one in incident.evidence)
    assert run(str(uuid.uuid4())).returncode == 1
