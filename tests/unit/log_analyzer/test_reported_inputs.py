"""The shared inputs that went wrong in other tools, where they are at hand."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from firstcause.settings import PROJECT_ROOT
from log_analyzer.redaction.redactor import redact

CASES = PROJECT_ROOT.parent / "shared" / "cases"
FILE = CASES / "expectations.json"
EXPECTED = orjson.loads(FILE.read_bytes()) if FILE.is_file() else {}

pytestmark = pytest.mark.skipif(not EXPECTED, reason="the shared inputs are not there")


def of(case: str, key: str) -> list[str]:
    return list(EXPECTED[case].get(key, ()))


def events(case: str) -> list[dict[str, object]]:
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
