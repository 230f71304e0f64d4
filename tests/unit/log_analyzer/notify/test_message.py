from __future__ import annotations

import dataclasses
import io
import json
import re
import uuid

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from firstcause.incidents.handling import Handling
from firstcause.incidents.human_actions import (
    Acknowledgement,
    AcknowledgementUndone,
    Feedback,
    Resolution,
    Silence,
    Split,
    action_of_click,
)
from firstcause.incidents.records import EarlierIncident, Escalation
from firstcause.incidents.view import (
    Analysis,
    ErrorGroup,
    ErrorMinute,
    Evidence,
    IncidentContext,
    IncidentView,
    Suspect,
    TimelineEntry,
)
from log_analyzer.notify.messages.content import Quoted, paragraph, plain_text
from log_analyzer.notify.messages.incident import NoticeOptions, render_notice
from log_analyzer.notify.messages.incident_parts import split_buttons
from log_analyzer.notify.messages.thread import DETAIL, render_reply
from log_analyzer.notify.messages.told import Told
from log_analyzer.notify.preview.terminal import (
    incident_detail,
    incidents_table,
    render_for_terminal,
)
from log_analyzer.notify.slack.layout import slack_blocks
from log_analyzer.notify.slack.text import code, inert, plain, whole_lines
from log_analyzer.report.deterministic import current_analysis, deterministic_report, incident_json
from tests.hostile_lines import HOSTILE_LINES, HostileLine
from tests.stubs.block_kit import alive, length, mistakes, refusal, text_objects

START_MS = 1_700_000_000_000
DAY = 86_400_000
FIRST_ID = "cf05034d-100c-59da-b833-3aa9517affde"


def a_view(message: str = "Payment 7 failed", **changes) -> IncidentView:
    evidence = Evidence(
        FIRST_ID, 1_700_000_000_000, "payment", "ERROR", message, "PAY-1", "aa11", "b", None
    )
    view = IncidentView(
        incident_id=uuid.UUID(int=7),
        fingerprint=uuid.UUID(int=70),
        status="open",
        service_name="order",
        template="Payment <*> failed",
        title=f"order: {message}",
        severity="high",
        suspects=("payment", "order"),
        services=("order", "payment"),
        error_count=1_234,
        first_ms=1_700_000_000_000,
        last_ms=1_700_000_060_000,
        evidence=(evidence,),
        analyses=(),
        message=None,
    )
    return dataclasses.replace(view, **changes)


OWN = "https://firstcause.example/incidents/"
OPTIONS = NoticeOptions(buttons=True, incident_url=OWN + "{incident_id}")


def hostile_view(text: str) -> IncidentView:
    """An incident where every text that a log or a person can choose is `text`."""
    group = ErrorGroup(uuid.UUID(int=1), text, text, 7, START_MS, START_MS)
    suspects = (Suspect(text, (text,) * 5), Suspect("order", (text,)))
    timeline = tuple(TimelineEntry(START_MS, text, text) for _ in range(30))
    return a_view(
        text,
        service_name=text,
        template=text,
        services=(text, "order"),
        suspects=(text,),
        groups=(group,) * 20,
        error_minutes=(ErrorMinute(text, START_MS, 5),),
        earlier=(EarlierIncident(uuid.UUID(int=2), 0, 1, text, text, text),) * 3,
        escalations=(Escalation(uuid.UUID(int=3), text, 5, START_MS, START_MS),) * 9,
        handling=Handling(text, START_MS, text, START_MS, "right", text),
        context=IncidentContext(START_MS, suspects, timeline),
    )


def all_blocks(view: IncidentView, analysis: Analysis, options: NoticeOptions) -> list[list]:
    """The blocks of the message and of every reply in its thread."""
    notice = render_notice(view, analysis, options)
    facts = {"suspect": view.service_name, "before": view.title, "also_in": view.title}
    replies = [render_reply(one, view, analysis, facts) for one in REPLIES]
    return [list(slack_blocks(one.parts)) for one in (notice, *replies)]


REPLIES = (DETAIL, "resolved-1", "back-2", "burst-3", "worse-4", "suspect-5", "analysis-6")


def blocks_of(view: IncidentView, analysis: Analysis, options=NoticeOptions(), told=None) -> list:  # noqa: B008
    return list(slack_blocks(render_notice(view, analysis, options, told).parts))


def assert_harmless(view: IncidentView, analysis: Analysis) -> None:
    for options in (OPTIONS, NoticeOptions()):
        for blocks in all_blocks(view, analysis, options):
            assert refusal(blocks, "text") is None, mistakes(blocks)
            assert alive(blocks, own_links=OWN if options is OPTIONS else "") == []


@pytest.mark.parametrize("line", HOSTILE_LINES, ids=lambda line: line.kind)
def test_a_hostile_line_makes_no_mention_no_link_no_format_and_fits(line: HostileLine) -> None:
    analysis = Analysis("mistral", line.text, line.text, "likely", (FIRST_ID,), (line.text,) * 20)
    view = hostile_view(line.text)
    assert_harmless(view, analysis)
    blocks = blocks_of(view, analysis, OPTIONS)
    assert blocks[0]["text"]["text"].startswith("🟠 HIGH · ")
    for one in text_objects(blocks):
        if one["type"] == "mrkdwn":
            outside_of_code = re.sub(r"`[^`\n]*`", "", one["text"])
            assert "~" not in outside_of_code
            # What is bold is ours: a label, a figure, or a name that was made inert.
            assert outside_of_code.count("*") % 2 == 0


def texts_of_all_kinds() -> st.SearchStrategy[str]:
    alphabet = st.one_of(
        st.characters(),
        st.sampled_from("<>&@*_~`:\n\u202e\x1b|/!#"),
        st.sampled_from(["<!channel>", "&amp;", "https://", "💥", "\x1b[31m", "e\u0301"]),
    )
    return st.lists(alphabet, max_size=60).map("".join) | st.text(max_size=3).map(
        lambda text: text * 1_500
    )


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_no_incident_makes_a_message_that_slack_refuses(data: st.DataObject) -> None:
    text = texts_of_all_kinds()
    some = st.integers(0, 12)
    base = hostile_view(data.draw(text))
    evidence = dataclasses.replace(base.evidence[0], message=data.draw(text))
    view = dataclasses.replace(
        base,
        title=data.draw(text),
        suspects=tuple(data.draw(st.lists(text, max_size=4))),
        services=tuple(data.draw(st.lists(text, max_size=12))),
        severity=data.draw(st.sampled_from(["critical", "high", "medium", "low"])),
        status=data.draw(st.sampled_from(["open", "resolved"])),
        error_count=data.draw(st.integers(0, 10**12)),
        first_ms=data.draw(st.integers(0, START_MS)),
        evidence=(evidence,) * data.draw(some),
        groups=base.groups[: data.draw(some)],
        earlier=base.earlier * data.draw(some),
        merged_into=data.draw(st.sampled_from([None, uuid.UUID(int=5)])),
    )
    analysis = Analysis(
        data.draw(st.sampled_from(["mistral", "deterministic"])),
        data.draw(text),
        data.draw(text),
        "likely",
        (FIRST_ID,),
        tuple(data.draw(st.lists(text, max_size=6))),
        struck_out=("x",) * data.draw(some),
        note=data.draw(text),
    )
    assert_harmless(view, analysis)


@given(texts_of_all_kinds(), st.integers(5, 200))
def test_inert_text_is_escaped_and_cut_to_its_limit_never_in_an_escape(
    text: str, limit: int
) -> None:
    for shown in (inert(text, limit), code(text, limit)):
        assert length(shown) <= limit
        assert not set("<>\n") & set(shown)
        assert not re.search(r"&(?!amp;|lt;|gt;)", shown)
    assert length(plain(text, limit)) <= limit


def test_lists_are_cut_by_whole_lines_and_say_what_is_left_out() -> None:
    cut = whole_lines([f"line {number:04d}" for number in range(1_000)], 200)
    lines = cut.split("\n")
    assert len(cut) <= 200
    assert all(re.fullmatch(r"line \d{4}", line) for line in lines[:-1])
    assert lines[-1] == f"… and {1_000 - len(lines) + 1} more"
    assert whole_lines(["a", "b"], 200) == "a\nb"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("*bold* ~x~ `code`", "∗bold∗ ∼x∼ 'code'"),  # noqa: RUF001
        ("_it_ but my_var", "\uff3fit\uff3f but my_var"),
        ("a\n> b\tc", "a &gt; b c"),
        ("Zahlung fehlgeschlagen: ключ 支払い", "Zahlung fehlgeschlagen: ключ 支払い"),
        ("took 35 ms at 2023-01-29T09:33:19Z", "took 35 ms at 2023-01-29T09:33:19Z"),
    ],
)
def test_inert_text_reads_as_it_was_written(text: str, shown: str) -> None:
    assert inert(text, 100) == shown


def test_the_message_says_what_where_since_when_who_why_and_what_to_do() -> None:
    reasons = ("Its span is the deepest failing one in 41 of 43 traces.",)
    view = a_view(
        groups=(
            ErrorGroup(uuid.UUID(int=1), "order", "t", 1_000, START_MS, START_MS),
            ErrorGroup(uuid.UUID(int=2), "payment", "t", 234, START_MS, START_MS),
        ),
        context=IncidentContext(START_MS, (Suspect("payment", reasons),)),
        earlier=tuple(
            EarlierIncident(uuid.UUID(int=n), n * DAY, n * DAY, "payment", f"Cause {n}", "likely")
            for n in (3, 1, 2)
        ),
        escalations=(Escalation(uuid.UUID(int=4), "order", 6, START_MS, START_MS),),
    )
    said = Analysis("mistral", "Pool too small.", "payment", "likely", (FIRST_ID,), ("Enlarge it",))
    shown = " ".join(one["text"] for one in text_objects(list(blocks_of(view, said))))
    for wanted in (
        "🟠 HIGH · order: Payment 7 failed",
        "*1,234 errors* since <!date^1700000000^{date_short_pretty}, {time}|22:13 UTC, 14 Nov 20",
        ", 1,234 a minute now",
        "order 1,000 · payment 234",
        "*Suspect: payment* (likely, says Mistral)\nPool too small.\nIt logs `Payment 7 failed`",
        "*First, Mistral suggests:* Enlarge it",
        "Seen 3 times before, last on ",
        "; then it was payment (likely)",
        "Escalated: order, 6 alerts",
        f"firstcause incidents {str(view.incident_id)[:8]}",
    ):
        assert wanted in shown
    # What ten seconds do not need is in the thread.
    assert FIRST_ID not in shown
    assert reasons[0] not in shown
    detail = " ".join(one["text"] for one in text_objects(all_blocks(view, said, OPTIONS)[1]))
    assert FIRST_ID in detail
    assert reasons[0] in detail


def test_the_report_by_rules_says_its_reasons_once() -> None:
    reason = "It failed first in 41 of 43 traces."
    suspect = Suspect("payment", (reason,), log_ids=(FIRST_ID,))
    view = a_view(context=IncidentContext(START_MS, (suspect,)))
    analysis = deterministic_report(view, "no model")
    assert reason in analysis.root_cause
    message, detail, *_ = all_blocks(view, analysis, OPTIONS)
    assert (json.dumps(message).count(reason), json.dumps(detail).count(reason)) == (0, 1)


def test_feedback_shows_whether_it_judges_the_analysis_beside_it() -> None:
    said = Analysis("mistral", "r", "payment", "likely", (), (), analysed_ms=42)
    for analysed_ms, words in (
        (42, "👎 Analysis marked wrong by bob"),
        (41, "👎 An earlier analysis"),
    ):
        told = Handling(
            feedback="wrong",
            feedback_by="bob",
            feedback_source="mistral",
            feedback_analysed_ms=analysed_ms,
        )
        blocks = blocks_of(a_view(handling=told), said)
        assert any(words in one["text"] for one in text_objects(blocks))


def test_buttons_carry_the_incident_and_the_analysis_that_is_judged() -> None:
    said = Analysis("mistral", "r", "payment", "likely", (), (), analysed_ms=42)
    buttons = blocks_of(a_view(), said, NoticeOptions(buttons=True))[-1]["elements"]
    actions = [
        action_of_click(
            {"actions": [one | {"action_ts": "1700000000.5"}], "user": {"id": "U1", "name": "ann"}}
        )
        for one in buttons
    ]
    key, at_ms = a_view().incident_id, 1_700_000_000_500
    assert actions == [
        Acknowledgement(key, "ann", at_ms),
        Silence(key, "ann", at_ms, at_ms + 3_600_000),
        Silence(key, "ann", at_ms, at_ms + 86_400_000),
        Resolution(key, "ann", at_ms),
        Feedback(key, "ann", at_ms, "right", "mistral", 42),
        Feedback(key, "ann", at_ms, "wrong", "mistral", 42),
    ]


def test_what_was_acknowledged_or_silenced_is_undone_by_a_button() -> None:
    said = Analysis("mistral", "r", "payment", "likely", (), (), analysed_ms=42)
    told = Handling(acknowledged_by="ann", silenced_until_ms=START_MS)
    row = blocks_of(a_view(handling=told), said, NoticeOptions(buttons=True))[-1]["elements"]
    click = {"action_ts": "1700000000.5"}
    found = [action_of_click({"actions": [one | click], "user": {"name": "bob"}}) for one in row]
    key, at_ms = a_view().incident_id, 1_700_000_000_500
    assert found[:3] == [
        AcknowledgementUndone(key, "bob", at_ms),
        Silence(key, "bob", at_ms, at_ms),
        Resolution(key, "bob", at_ms),
    ]


@pytest.mark.parametrize("service", ["order", "my shop", "<!channel> @here", "x" * 255])
def test_a_service_is_split_out_by_a_button_of_the_thread(service: str) -> None:
    view = a_view(services=(service, "payment"))
    [row] = slack_blocks(split_buttons(view))
    assert refusal([row], "text") is None
    assert alive([row]) == []
    click = {"action_ts": "1700000000.5"}
    said = {"actions": [row["elements"][0] | click], "user": {"name": "bob"}}
    assert action_of_click(said) == Split(view.incident_id, "bob", 1_700_000_000_500, service)
    assert split_buttons(a_view(services=("order",))) == []


def test_a_burst_tells_of_itself_and_of_what_was_there_before() -> None:
    """An error each ten minutes for two hours, then 600 in a minute."""
    first = START_MS - START_MS % 60_000
    burst = first + 120 * 60_000
    minutes = [ErrorMinute("stock", first + n * 600_000, 1) for n in range(12)]
    older = ErrorGroup(uuid.UUID(int=1), "stock", "No stock", 12, first, burst)
    view = a_view(
        groups=(older, ErrorGroup(uuid.UUID(int=2), "order", "No order", 600, first, burst)),
        services=("order", "stock"),
        error_minutes=(*minutes, ErrorMinute("order", burst, 600)),
        evidence=(),
        error_count=612,
        first_ms=first,
        last_ms=burst + 50_000,
    )
    [shown] = [
        one["text"]
        for one in text_objects(blocks_of(view, deterministic_report(view, "n")))
        if "errors*" in one["text"]
    ]
    assert shown.startswith(f"*600 errors* since <!date^{burst // 1_000}^")
    assert "600 a minute now" in shown
    # Of the burst alone, as the count above it.
    assert "*Where:* order 600\n" in shown
    assert "Before that 12 errors, 6 an hour, since " in shown
    assert ": 600 errors, " in render_notice(view, deterministic_report(view, "n")).text


def test_a_resolution_that_is_told_late_says_that_it_is_open_again() -> None:
    facts = {"errors": 7, "onset_ms": START_MS, "last_ms": START_MS + 60_000}
    for status, said in (("resolved", False), ("open", True)):
        view = a_view(status=status)
        note = render_reply("resolved-1", view, deterministic_report(view, "n"), facts)
        assert "It lasted 60 s: 7 errors in all" in plain_text(note.parts)
        assert ("It is open again since." in plain_text(note.parts)) is said


def test_the_suspect_says_from_whom_it_changed_and_what_is_only_a_first_look() -> None:
    view = a_view()
    analysis = deterministic_report(view, "n")
    assert "at a first look" in json.dumps(blocks_of(view, analysis))
    view = a_view(context=IncidentContext(START_MS, (Suspect("payment", ("It failed.",)),)))
    told = Told(suspect="payment", suspect_before="order")
    shown = json.dumps(blocks_of(view, deterministic_report(view, "n"), told=told))
    assert "changed from order" in shown
    assert "at a first look" not in shown


def test_a_message_that_is_too_long_as_a_whole_is_cut_with_a_sign() -> None:
    parts = [paragraph([Quoted("&" * 3_000, 2_900)]) for _ in range(60)]
    blocks = slack_blocks(parts)
    assert refusal(list(blocks), "text") is None
    assert "the message was cut" in blocks[-1]["elements"][0]["text"]


@given(
    st.recursive(
        st.none() | st.text() | st.floats() | st.integers(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["actions", "user", "action_id", "value", "action_ts", "id"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_a_click_that_is_none_of_ours_is_no_action(payload) -> None:
    assert action_of_click(payload) is None


def test_without_a_page_of_our_own_there_is_no_link_and_with_one_there_is_one() -> None:
    view = a_view()
    analysis = deterministic_report(view, "n")
    shown = str([one["text"] for one in text_objects(blocks_of(view, analysis))])
    assert "<http" not in shown
    linked = str([one["text"] for one in text_objects(blocks_of(view, analysis, OPTIONS))])
    assert re.findall(r"<http[^>]*>", linked) == [f"<{OWN}{view.incident_id}|Open>"]


def test_the_same_incident_makes_the_same_notice_and_news_change_it() -> None:
    view = a_view()
    analysis = deterministic_report(view, "note")
    one = render_notice(view, analysis)
    assert one == render_notice(view, analysis)
    more = render_notice(dataclasses.replace(view, error_count=1_235), analysis)
    assert (more.shape, more.digest != one.digest) == (one.shape, True)
    done = render_notice(dataclasses.replace(view, status="resolved"), analysis)
    assert done.shape != one.shape


def test_the_rules_blame_the_deepest_service_and_say_what_they_are() -> None:
    report = current_analysis(a_view(), model_configured=False)
    assert (report.source, report.culprit_service, report.confidence) == (
        "deterministic",
        "payment",
        "likely",
    )
    assert "no model is configured" in report.note
    assert report.evidence == (FIRST_ID,)
    assert "follows" in current_analysis(a_view(), model_configured=True).note


def test_the_models_answer_goes_before_the_rules() -> None:
    said = Analysis("mistral", "It was DNS.", "payment", "likely", (), (), analysed_ms=2)
    late = Analysis("deterministic", "", "", "likely", (), (), note="late", analysed_ms=3)
    view = a_view(analyses=(late, said))
    assert current_analysis(view, model_configured=True) is said


def test_the_json_object_has_exactly_the_fields_of_the_contract() -> None:
    view = a_view(
        analyses=(Analysis("mistral", "r", "s", "likely", (), (), llm_calls=1, llm_tokens=9),)
    )
    printed = incident_json(view, model_configured=True)
    assert list(printed) == [
        "incident_id", "status", "severity", "title", "suspects", "services", "error_count",
        "first_seen", "last_seen", "analysis", "slack_channel", "slack_thread_ts", "llm_calls",
        "llm_tokens",
    ]  # fmt: skip
    assert list(printed["analysis"]) == [
        "source",
        "root_cause",
        "confidence",
        "evidence",
        "actions",
    ]
    assert (printed["llm_calls"], printed["llm_tokens"]) == (1, 9)
    assert printed["first_seen"] == "2023-11-14T22:13:20.000Z"
    json.dumps(printed)


def test_the_terminal_shows_what_slack_shows() -> None:
    console = Console(width=120, record=True, file=io.StringIO())
    view = a_view("Payment [bold]7[/] <b> & failed")
    console.print(render_for_terminal(render_notice(view, deterministic_report(view, "n"))))
    console.print(incidents_table([view]))
    console.print(incident_detail(view, model_configured=False))
    shown = console.export_text()
    assert "Payment [bold]7[/] <b> & failed" in shown
    assert "1,234" in shown
    assert FIRST_ID in shown
