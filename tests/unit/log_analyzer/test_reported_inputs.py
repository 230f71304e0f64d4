"""The shared inputs that went wrong in other tools, where they are at hand."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

from firstcause.events.log_event import read_log_event
from firstcause.events.workload import workload_of
from firstcause.settings import PROJECT_ROOT
from log_analyzer.intake.stack_lines import StackLines
from log_analyzer.intake.uncommitted_batch import ReadError
from log_analyzer.redaction.redactor import redact
from log_templates.headline import headline
from log_templates.miner import TemplateMiner

CASES = PROJECT_ROOT.parent / "shared" / "cases"
FILE = CASES / "expectations.json"
EXPECTED = orjson.loads(FILE.read_bytes()) if FILE.is_file() else {}

pytestmark = pytest.mark.skipif(not EXPECTED, reason="the shared inputs are not there")


def of(case: str, key: str) -> list[str]:
    return list(EXPECTED[case].get(key, ()))


def events(case: str) -> list[dict[str, Any]]:
    file: Path = CASES / EXPECTED[case]["files"][0]
    return [orjson.loads(line) for line in file.read_bytes().splitlines()]


@pytest.mark.parametrize(
    "case", [one for one in EXPECTED if of(one, "must_go") or of(one, "must_go_if_public")]
)
def test_what_must_go_goes_and_what_must_stay_stays(case) -> None:
    texts = [str(one.get(key) or "") for one in events(case) for key in ("message", "exception")]
    redacted = "\n".join(map(redact, texts))
    secrets = of(case, "must_go") + of(case, "must_go_if_public")
    assert [one for one in secrets if one in redacted] == []
    assert [one for one in of(case, "must_stay") if one not in redacted] == []


@pytest.mark.parametrize("case", [one for one in EXPECTED if EXPECTED[one].get("groups")])
def test_errors_are_grouped_as_expected_and_titled_by_what_went_wrong(case) -> None:
    miner, groups = TemplateMiner(), defaultdict(list)
    titles = []
    for place, one in enumerate(events(case)):
        fields = (one.get(key) for key in ("message", "exception", "logger", "error_code"))
        template = miner.add(headline(*fields))
        groups[one["service_name"], template.template_id].append(place)
        titles.append(template.text)
    assert sorted(groups.values()) == sorted(EXPECTED[case]["groups"])
    assert not [one for one in titles if one in EXPECTED[case].get("title_not", ())]
    assert not [one for one in titles if any(secret in one for secret in of(case, "must_go"))]


@pytest.mark.parametrize(("case", "templates"), [("017", 1), ("023", 1)])
def test_lines_of_a_trace_make_one_group(case, templates) -> None:
    some = [
        ReadError(read_log_event(orjson.dumps(one), 2**42), cast(Any, None), 0)
        for one in events(case)
    ]
    kept = StackLines().left_out(some)
    miner = TemplateMiner()
    titles = [miner.add(headline(one.event.message)).text for one in kept]
    assert len(kept) == 3
    assert len(set(titles)) == templates
    assert not any(wrong in one for one in titles for wrong in EXPECTED[case]["title_not"])


def test_replicas_count_for_their_service() -> None:
    assert {workload_of(str(one["service_name"])) for one in events("027")} == {"checkout", "redis"}
