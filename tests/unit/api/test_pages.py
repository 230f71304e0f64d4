"""The pages: what they show, whose text is only text, and what their buttons do."""

from __future__ import annotations

import hashlib
import json
import uuid
from html.parser import HTMLParser

import pytest

from api.answers.incident_parts import MinuteErrors, PathAnswer
from api.pages.drawing import bars, error_series, path_drawing
from api.pages.rendering import FOLDER, counted
from api.pages.vendored import VENDORED
from firstcause.access.keys import KeyFile
from firstcause.incidents.human_actions import Acknowledgement, Silence
from firstcause.incidents.view import (
    ContextLog,
    IncidentContext,
    NormalRanking,
    Suspect,
)
from tests.unit.api.world import NOW, NOW_MS, TIMES, a_client, a_row, an_incident

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'--></style><svg onload=alert(1)>",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "</textarea></pre><iframe srcdoc='<script>alert(1)</script>'>",
    "\u202egnp.exe\u0000\u001b[31m",
)
OWN_SCRIPTS = {"htmx.min.js", "uplot.min.js", "app.js"}


class Elements(HTMLParser):
    """All elements of a page with their attributes, as a browser would see them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def assert_harmless(text: str) -> None:
    for tag, attributes in Elements(text).found:
        assert tag not in {"iframe", "img", "object", "embed", "style", "base"}
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        if tag == "script":
            assert attributes["src"].rpartition("/")[2] in OWN_SCRIPTS
        for name in ("href", "src", "action", "hx-get", "hx-post"):
            value = attributes.get(name)
            assert value is None or value.startswith(("/", "#", "data:,"))


def hostile_incident(text: str):
    logs = (ContextLog(str(uuid.UUID(int=5)), NOW_MS, text, text, text, text),)
    ranking = NormalRanking(
        text, (Suspect(text, (text,)),), True, text, 1, 1, 2, 3, path=(text, "order"), hops=(text,)
    )
    context = IncidentContext(
        NOW_MS, (Suspect(text, (text, f"log {uuid.UUID(int=5)}")),), (), logs, logs, (), ranking
    )
    view = an_incident()
    evidence = (type(view.evidence[0])(text, NOW_MS, text, text, text, text, text, text, text),)
    return an_incident(
        title=text,
        service_name=text,
        template=text,
        services=(text,),
        suspects=(text,),
        evidence=evidence,
        context=context,
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_others_is_only_text(tmp_path, text: str) -> None:
    view = hostile_incident(text)
    rows = [
        a_row(1, text, level=text, message=text, exception=text, trace_id="ab" * 16,
              instance=text, attributes={text: text})
    ]  # fmt: skip
    client = a_client(tmp_path, [view], rows)
    around = {"service": text, "at": NOW.isoformat(), "log_id": str(uuid.UUID(int=1))}
    times = TIMES
    pages = [
        client.get("/ui/incidents", params={"service": ""}),
        client.get("/ui/incidents", params={"service": text}),
        client.get(f"/ui/incidents/{view.incident_id}"),
        client.get("/ui/logs", params=times),
        client.get("/ui/logs", params={**times, "service": text}),
        client.get("/ui/logs/around", params=around),
        client.get("/ui/tail", params={"service": text}),
    ]
    for answer in pages:
        assert answer.status_code == 200
        assert_harmless(answer.text)
        policy = answer.headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
    assert_harmless(client.get("/ui/logs", params={"from": text}, headers=HTML).text)


HTML = {"accept": "text/html"}


def token_of(client) -> str:
    text = client.get("/ui/incidents").text
    body = next(attributes for tag, attributes in Elements(text).found if tag == "body")
    return json.loads(body["hx-headers"])["X-CSRF-Token"]


def test_the_list_and_an_incident_tell_what_a_person_needs(tmp_path) -> None:
    view = an_incident()
    client = a_client(tmp_path, [view])
    assert client.get("/", follow_redirects=False).headers["location"] == "/ui/incidents"
    listed = client.get("/ui/incidents").text
    assert view.title in listed
    assert f"/ui/incidents/{view.incident_id}" in listed
    assert view.title not in client.get("/ui/incidents?status=resolved").text
    whole = client.get(f"/ui/incidents/{view.incident_id}").text
    for part in ("1,234 errors", "Suspects", "payment", "Evidence", f"/ui/traces/{'aa' * 8}"):
        assert part in whole


def test_a_citation_links_to_its_line(tmp_path) -> None:
    logs = (ContextLog(str(uuid.UUID(int=5)), NOW_MS, "payment", "WARN", "slow"),)
    reasons = (f"It waits (log {uuid.UUID(int=5)}), it fails (log {uuid.UUID(int=1)}).",)
    view = an_incident(
        context=IncidentContext(NOW_MS, (Suspect("payment", reasons),), (), (), logs)
    )
    text = a_client(tmp_path, [view]).get(f"/ui/incidents/{view.incident_id}").text
    links = [
        a["href"] for tag, a in Elements(text).found if tag == "a" and a.get("class") == "cite"
    ]
    assert f"#log-{uuid.UUID(int=1)}" in links
    assert any(link.startswith("/ui/logs/around?service=payment") for link in links)


def test_the_buttons_do_what_the_commands_do(tmp_path) -> None:
    view = an_incident()
    client = a_client(tmp_path, [view])
    headers = {"x-csrf-token": token_of(client)}
    base = f"/ui/incidents/{view.incident_id}"
    for button in ("ack", "unack", "silence-1h", "silence-off", "resolve", "right", "wrong"):
        answer = client.post(f"{base}/{button}", headers=headers)
        assert answer.status_code == 200, button
    actions = client.stores.incidents.actions
    assert len(actions) == 7
    assert isinstance(actions[0], Acknowledgement)
    assert isinstance(actions[2], Silence)
    assert client.post(f"{base}/explode", headers=headers).status_code == 422


def test_a_button_without_the_page_s_token_does_nothing(tmp_path) -> None:
    view = an_incident()
    client = a_client(tmp_path, [view])
    token = token_of(client)
    path = f"/ui/incidents/{view.incident_id}/ack"
    assert client.post(path).status_code == 403
    assert client.post(path, headers={"x-csrf-token": b"\xc3\xa9" * 16}).status_code == 403
    client.cookies.clear()
    assert client.post(path, headers={"x-csrf-token": token}).status_code == 403
    assert client.stores.incidents.actions == []


def test_beyond_loopback_a_person_enters_with_a_key(tmp_path) -> None:
    view = an_incident()
    client = a_client(tmp_path, [view], api_host="10.0.0.1")
    keys = KeyFile(tmp_path / "api_keys.json")
    reader, actor = keys.add("ro", "read"), keys.add("ann", "act")
    outside = client.get("/ui/incidents", headers=HTML, follow_redirects=False)
    assert (outside.status_code, outside.headers["location"]) == (303, "/ui/login")

    def enter(key: str):
        form = client.get("/ui/login").text
        csrf = next(a["value"] for tag, a in Elements(form).found if a.get("name") == "csrf")
        return client.post("/ui/login", data={"key": key, "csrf": csrf}, follow_redirects=False)

    assert enter("fck_wrong").status_code == 403
    assert client.post("/ui/login", data={"key": reader}).status_code == 403
    assert enter(reader).status_code == 303
    headers = {"x-csrf-token": token_of(client)}
    path = f"/ui/incidents/{view.incident_id}/ack"
    assert client.post(path, headers=headers).status_code == 403
    assert enter(actor).status_code == 303
    assert client.post(path, headers=headers).status_code == 200
    assert [one.by for one in client.stores.incidents.actions] == ["ann"]
    forms = [a for tag, a in Elements(client.get("/ui/incidents").text).found if tag == "form"]
    assert "/ui/logout" in [one["action"] for one in forms]
    assert client.post("/ui/logout", data={"csrf": headers["x-csrf-token"]}).url.path == "/ui/login"
    assert client.get("/incidents").status_code == 401
    assert enter(actor).status_code == 303
    assert client.get("/incidents").status_code == 200
    keys.revoke("ann")
    assert client.get("/incidents").status_code == 401


def test_log_lines_filter_on_a_click_and_links_can_be_shared(tmp_path) -> None:
    rows = [a_row(1, "cart", level="ERROR", trace_id="ab" * 16), a_row(2, "order")]
    client = a_client(tmp_path, rows=rows)
    times = TIMES
    text = client.get("/ui/logs", params=times).text
    links = [a["href"] for tag, a in Elements(text).found if tag == "a"]
    by_service = next(one for one in links if "service=cart" in one and "/ui/logs?" in one)
    assert "from=" in by_service
    only = client.get(by_service).text
    assert "line 1" in only
    assert "line 2" not in only
    assert f"/ui/traces/{'ab' * 16}" in links


def test_the_plot_counts_minutes_without_errors_as_none() -> None:
    minutes = [
        MinuteErrors(minute=NOW, service_name="a", errors=2),
        MinuteErrors(minute=NOW.replace(minute=3), service_name="b", errors=5),
    ]
    series = error_series(minutes)
    assert series["names"] == ["b", "a"]
    assert series["counts"] == [[0, 0, 0, 5], [2, 0, 0, 0]]
    assert len(series["times"]) == 4


def test_the_path_stands_in_its_order() -> None:
    drawing = path_drawing(PathAnswer(services=["db" * 30, "b", "c"], hops=[]))
    assert drawing is not None
    assert [box.name for box in drawing.boxes][1:] == ["b", "c"]
    assert drawing.boxes[0].is_first
    assert [box.y for box in drawing.boxes] == sorted(box.y for box in drawing.boxes)
    assert bars([]) == []


def test_vendored_files_are_those_that_are_listed() -> None:
    vendored = {name: digest for name, _, _, _, digest in VENDORED}
    own = {"app.js", "app.css"}
    present = {path.name for path in (FOLDER / "static").iterdir()}
    assert present == own | vendored.keys()
    for name, digest in vendored.items():
        content = (FOLDER / "static" / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest


@pytest.mark.parametrize(
    ("errors", "alerts", "told"),
    [
        (1, 0, "1 error"),
        (1, 1, "1 alert"),
        (3, 2, "1 error, 2 alerts"),
        (0, 0, "0 errors"),
        (1_234, 0, "1,234 errors"),
    ],
)
def test_errors_and_alerts_are_counted_apart(errors: int, alerts: int, told: str) -> None:
    assert counted(errors, alerts) == told


def test_the_live_tails_of_two_apps_are_counted_apart(tmp_path) -> None:
    one, other = (a_client(tmp_path / name, api_tails=1) for name in ("one", "other"))
    with one.app.state.context.tails.opened():
        assert one.get("/logs/tail").status_code == 503
        other.app.state.context.tails.check()
    one.app.state.context.tails.check()
