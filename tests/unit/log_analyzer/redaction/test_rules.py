"""Each rule of the table does what its row says, and nothing else that the row names."""

from __future__ import annotations

import re

import pytest

from log_analyzer.redaction.redactor import RULES, redact
from log_analyzer.redaction.rule import Rule


def plain(marked: str) -> str:
    return marked.replace("«", "").replace("»", "")


def ids(rule: Rule) -> str:
    return rule.name


SECRET_RULES = [one for one in RULES if one.kind is not None]


@pytest.mark.parametrize("rule", SECRET_RULES, ids=ids)
def test_what_an_example_marks_goes_and_the_rest_stays(rule: Rule) -> None:
    around = [re.escape(one) for one in re.split("«[^»]*»", rule.example)]
    assert len(around) > 1
    redacted = redact(plain(rule.example))
    wanted = "<[A-Z_]{2,12}_[0-9]{1,6}>".join(around)
    assert re.fullmatch(wanted, redacted), redacted


@pytest.mark.parametrize("rule", SECRET_RULES, ids=ids)
def test_the_rule_itself_finds_its_example(rule: Rule) -> None:
    text = plain(rule.example)
    found = {text[start:end] for start, end in rule.find(text, 0, len(text))}
    marked = re.findall("«([^»]*)»", rule.example)
    assert any(
        one in found or any(one in value or value in one for value in found) for one in marked
    )


@pytest.mark.parametrize("rule", RULES, ids=ids)
def test_the_counter_example_stays_whole(rule: Rule) -> None:
    assert redact(rule.counter_example) == rule.counter_example


@pytest.mark.parametrize("rule", [one for one in RULES if one.kind is None], ids=ids)
def test_what_must_never_be_touched_stays_whole(rule: Rule) -> None:
    assert list(rule.find(rule.example, 0, len(rule.example)))
    assert redact(rule.example) == rule.example


def test_rules_have_names_of_their_own() -> None:
    assert len({one.name for one in RULES}) == len(RULES)
