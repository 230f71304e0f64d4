"""What those who run Firstcause are told, against the stub of Slack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from firstcause.settings import Settings
from log_analyzer.notify.channel import MaybeSentError, NotSentError
from log_analyzer.notify.slack.operations_message import post_operations_message
from tests.stubs.slack import SlackStub

TEXT = "store_logs has stopped: <mend> it. Airflow: http://127.0.0.1:18080/dags/stream_jobs"


@pytest.fixture
def slack() -> Iterator[SlackStub]:
    with SlackStub() as stub:
        yield stub


def settings(slack: SlackStub, token: str | None = "xoxb-1") -> Settings:
    return Settings(
        _env_file=None,  # type: ignore[call-arg]
        slack_bot_token=token,  # type: ignore[arg-type]
        slack_channel="#incidents",
        slack_api_url=slack.api_url,
    )


def test_it_goes_to_the_channel_once(slack: SlackStub) -> None:
    assert post_operations_message(settings(slack), TEXT)
    assert [one["text"] for one in slack.messages] == [
        "store_logs has stopped: &lt;mend&gt; it. Airflow: http://127.0.0.1:18080/dags/stream_jobs"
    ]


def test_it_waits_where_slack_asks_to(slack: SlackStub) -> None:
    slack.faults.append({"kind": "rate_limited", "retry_after": 1})
    assert post_operations_message(settings(slack), TEXT)
    assert len(slack.messages) == 1


def test_it_is_not_posted_again_when_it_may_have_been_posted(slack: SlackStub) -> None:
    slack.faults.append({"kind": "accept_then_500"})
    with pytest.raises(MaybeSentError):
        post_operations_message(settings(slack), TEXT)
    assert len(slack.messages) == 1


def test_a_refusal_is_told_at_once(slack: SlackStub) -> None:
    slack.faults.append({"kind": "error", "error": "invalid_auth"})
    with pytest.raises(NotSentError, match="invalid_auth"):
        post_operations_message(settings(slack), TEXT)


def test_without_a_token_nothing_is_asked(slack: SlackStub) -> None:
    assert not post_operations_message(settings(slack, token=None), TEXT)
    assert slack.messages == []
