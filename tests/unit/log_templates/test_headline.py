from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from log_templates.headline import headline
from log_templates.miner import TemplateMiner

PYTHON = """Traceback (most recent call last):
  File "/srv/app/jobs.py", line {line}, in run
    return step(item)
  File "/srv/app/stock.py", line 9, in reserve
    raise error
  File "/usr/lib/python3.11/site-packages/psycopg/cursor.py", line 97, in execute
    raise ex
{error}"""
JAVA = """java.lang.IllegalStateException: cannot start
\tat com.acme.Boot.main(Boot.java:12)
Caused by: java.net.BindException: Address already in use
\tat java.base/sun.nio.ch.Net.bind(Net.java:555)
\tat com.acme.net.Server$$Lambda$14/0x0001.open(Server.java:31)
\t... 9 common frames omitted"""

BIND = "java.net.BindException: Address already in use"


def python(error: str, line: int = 7) -> str:
    return PYTHON.format(line=line, error=error)


def shown(message: str, **fields: str | None) -> str:
    return TemplateMiner().add(headline(message, **fields)).text


@pytest.mark.parametrize(
    ("message", "fields", "template"),
    [
        (python("ValueError: 12 left"), {}, "ValueError: <*> left in reserve (stock.py)"),
        ("job:\n" + python("KeyError: 'x'"), {}, "job: KeyError: <*> in reserve (stock.py)"),
        ('{"ts":"2026-01-01","msg":"no stock","status":503}', {}, "no stock: code 503"),
        ('{"event":"lost","error":{"type":"IOError","message":"full"}}', {}, "lost: IOError: full"),
        ('{"log":"{\\"message\\":\\"deep\\"}"}', {}, "deep"),
        ('{"msg":"cut in the mid', {}, "cut in the mid"),
        ('{"msg":"cut later","body":"xxxxx', {}, "cut later"),
        (
            '[{"code":"too_small","path":["cart",0,"amount"],"message":"Too small"}]',
            {"logger": "cart.add"},
            "cart.add: Too small: code too_small: at cart.amount",
        ),
        ("[main] pool exhausted", {}, "[main] pool exhausted"),
        ("state is: {a=1, b=2}", {}, "state is: <*>"),
        ("", {"exception": JAVA}, BIND),
        ("  \n", {"exception": JAVA, "code": "E_PORT"}, f"{BIND} [E_PORT]"),
        ("start failed: ", {"exception": JAVA}, f"start failed: {BIND}"),
        ("", {"code": "E_PORT", "logger": "boot"}, "E_PORT: boot"),
        ("", {}, "<empty>"),
        ("failed (response code: 503) after 31 ms", {}, "failed (response code: 503) after <*>"),
        ('"GET /a HTTP/1.1" 502 0.2', {}, '"GET <*>" 502 <*>'),
        ("OSError: [Errno 111] refused by 10.0.0.1:80", {}, "OSError: [Errno 111] refused by <*>"),
        ("worker 7 ended with exit code 137", {}, "worker <*> ended with exit code 137"),
        ("took 404 ms for 500 rows", {}, "took <*> for <*> rows"),
    ],
)
def test_a_template_says_what_went_wrong(message, fields, template) -> None:
    assert shown(message, **fields) == template


def test_what_varies_from_call_to_call_does_not_split_a_group() -> None:
    lists = [",".join(f"'{n}ab'" for n in range(count)) for count in (2, 40, 9_000)]
    made_up = (
        "$$EnhancerBySpringCGLIB$$5a04f5ab",
        "$$SpringCGLIB$$fabcdeab",
        "$$Lambda$10/84@32b2",
    )
    dates = (("datetime.date(2026, 1, 2)", "abc"), ("datetime.date(2025, 11, 30)", "f00ed"))
    alike = [
        [
            f"lookup of {one} failed"
            for one in ("2a05:d018:8c4::22f", "fe80::1%eth0", "[::1]", "::1")
        ],
        [f"saved when={day} by='{who}' dry=False" for day, who in dates],
        [f"bean com.acme.Cart{one} is gone" for one in made_up],
        [f"mail to {one} bounced" for one in ("o'neil@irish.example", "a+b@corp.example")],
        [f"query failed: id in ({one}) limit 3" for one in lists],
    ]
    for messages in alike:
        miner = TemplateMiner()
        assert len({miner.add(headline(one)).template_id for one in messages}) == 1, messages[:3]


@pytest.mark.parametrize(
    "messages",
    [
        ["failed (code: 404)", "failed (code: 500)"],
        ["status=401 at gate", "status=503 at gate"],
        [
            python("KeyError: 'a'"),
            python("ValueError: a"),
        ],
        ['[{"message":"Required","path":["a"]}]', '[{"message":"Required","path":["b"]}]'],
        ["probe success=True", "probe success=False"],
        ["[Errno 111] x", "[Errno 104] x"],
    ],
)
def test_what_tells_errors_apart_is_no_variable(messages) -> None:
    miner = TemplateMiner()
    assert len({miner.add(headline(one)).template_id for one in messages}) == len(messages)


def test_the_line_number_of_a_release_does_not_matter() -> None:
    miner = TemplateMiner()
    traces = [python("KeyError: 'x'", line) for line in (7, 31)]
    assert len({miner.add(headline(one)).template_id for one in traces}) == 1


def test_ten_thousand_ids_in_a_line_cost_little() -> None:
    line = "in (" + ",".join(f"'{n:08x}-aaaa-4bbb-8ccc-{n:012x}'" for n in range(10_000)) + ")"
    miner = TemplateMiner()
    started = time.process_time()
    for _ in range(5):
        miner.add(headline(line))
    assert (time.process_time() - started) / 5 < 0.05


@given(st.text(max_size=300), st.none() | st.text(max_size=300), st.none() | st.text(max_size=20))
def test_any_event_has_a_headline_that_a_miner_takes(message, exception, code) -> None:
    assert TemplateMiner().add(headline(message, exception, None, code)).text


KEYS = st.sampled_from(["msg", "error", "code", "path", "stack"])


@given(
    st.recursive(
        st.none() | st.text(max_size=9) | st.integers(),
        lambda some: st.lists(some, max_size=3) | st.dictionaries(KEYS, some, max_size=3),
    )
)
def test_any_document_has_one(document) -> None:
    assert isinstance(headline(json.dumps(document)), str)
