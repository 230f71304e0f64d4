"""Topology and scenarios: what is there, and mistakes named by file and line."""

from __future__ import annotations

import shutil

import pytest

from firstcause.errors import FirstcauseError
from firstcause.events.log_event import LEVELS
from generators.scenario import SCENARIOS_DIR, failing_scenario_names, load_scenario, scenario_names
from generators.topology_file import DEFAULT_TOPOLOGY, load_topology


def templates():
    topology = load_topology()
    for service in topology.services.values():
        for occasion in (
            "received", "completed", "failed", "call_failed", "call_timed_out", "retrying",
            "degraded", "background",
        ):  # fmt: skip
            yield from getattr(service, occasion) or ()
        for operation in service.operations.values():
            for step in operation.steps:
                yield from step.log or ()
            if operation.rejection:
                yield operation.rejection.log
    for name in scenario_names():
        scenario = load_scenario(name, topology)
        yield from (log for mode in scenario.modes for log in mode.logs)
        yield from (event.log for event in scenario.events)


def test_there_is_variety():
    distinct = {(template.level, template.text) for template in templates()}
    assert len(distinct) >= 60
    assert {level for level, _ in distinct} == set(LEVELS)


def test_the_shop_and_its_resources():
    topology = load_topology()
    assert {
        "api-gateway", "auth", "user", "payment", "inventory", "order", "notification",
    } <= set(topology.services)  # fmt: skip
    kinds = {
        kind
        for service in topology.services.values()
        for kind in (service.runs_on, *(part.kind for part in service.resources.values()))
    }
    assert kinds == {"rds", "lambda", "s3", "ec2", "ecs", "compute_engine", "big_query"}
    assert {service.provider for service in topology.services.values()} == {"aws", "gcp"}


def test_the_scenarios():
    assert {
        "bad_deployment", "db_pool_exhausted", "slow_dependency", "memory_leak",
        "expired_credentials", "third_party_outage",
    } <= set(scenario_names())  # fmt: skip
    silent = [
        name
        for name in scenario_names()
        if not load_scenario(name, load_topology()).culprit_logs_errors
    ]
    without_errors = ["silent_service", "slow_only", "traffic_breaks_off"]
    assert silent == sorted(["slow_dependency", *without_errors])
    assert sorted(set(scenario_names()) - set(failing_scenario_names())) == without_errors


@pytest.mark.parametrize(
    ("good", "bad", "complaint"),
    [
        ("call: pricing.quote", "call: prizing.quote", "unknown service"),
        ("call: pricing.quote", "call: pricing.guess", "no operation"),
        ("order.place, timeout_ms: 15000", "order.place, timeout_ms: 3000", "must be over"),
        ("user.profile, timeout_ms: 2500}", "user.profile, timeout_ms: soon}", "integer"),
        ("call: payment.charge", "call: api-gateway.checkout", "cyclic call"),
        ("instances: 4", "instances: 400", "less than or equal"),
        ("instances: 4", "instanzes: 4", "instanzes: Extra inputs"),
        ("regions: [us-east-1]", "regions: [us-central1]", "no region us-central1"),
        ("runs_on: lambda", "runs_on: compute_engine", "not of aws"),
        ("use: carts-db", "use: cards-db", "no resource cards-db"),
        ("INFO Settlement file", "NOTICE Settlement file", "LEVEL text"),
        ("with {rows} payments", "with {many} payments", "unknown variable {many}"),
        ("with {rows} payments", "with {rows payments", "expected '}'"),
        ('"INFO Settlement', '"ERROR Settlement', "healthy traffic has no errors"),
        ("runtime: go", "runtime: [go", "not YAML"),
        ("    package: shop.cart", "    package: shop.cart\n    package: twice", "stands twice"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_topology_is_named_by_its_line(tmp_path, good, bad, complaint):
    text = DEFAULT_TOPOLOGY.read_text()
    line = text[: text.index(good)].count("\n") + 1 + bad.count("\n")
    broken = tmp_path / "topology.yaml"
    broken.write_text(text.replace(good, bad, 1))
    with pytest.raises(FirstcauseError) as caught:
        load_topology(broken)
    assert complaint in str(caught.value)
    # YAML notices an open bracket one line later.
    lines = [line] if complaint != "not YAML" else [line, line + 1]
    assert any(str(caught.value).startswith(f"{broken}:{at}:") for at in lines), caught.value
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("good", "bad", "complaint"),
    [
        ("culprit: inventory", "culprit: inventar", "unknown service inventar"),
        ("culprit_logs_errors: true", "culprit_logs_errors: false", "logs errors as written"),
        ("start_seconds: 20", "start_seconds: later", "valid number"),
        ("duration_seconds: 120", "duration: 120", "Extra inputs"),
        ("affected_share: [0.3, 0.9]", "affected_share: [0.3, 9]", "0 to 1"),
        ("name: db_pool_exhausted", "name: other", "must be the file's"),
        ("wait_ms: [1500, 1550]", "wait_ms: [1550, 1500]", "[low, high]"),
        ("every_seconds: 5", "every_minutes: 5", "Extra inputs"),
    ],
)
def test_a_mistake_in_a_scenario_is_named_by_its_line(tmp_path, good, bad, complaint):
    text = (SCENARIOS_DIR / "db_pool_exhausted.yaml").read_text()
    line = text[: text.index(good)].count("\n") + 1
    broken = tmp_path / "db_pool_exhausted.yaml"
    broken.write_text(text.replace(good, bad, 1))
    with pytest.raises(FirstcauseError) as caught:
        load_scenario("db_pool_exhausted", load_topology(), tmp_path)
    assert complaint in str(caught.value)
    assert str(caught.value).startswith(f"{broken}:{line}:")


def test_an_edited_topology_is_used(tmp_path):
    edited = tmp_path / "topology.yaml"
    shutil.copy(DEFAULT_TOPOLOGY, edited)
    edited.write_text(edited.read_text().replace("version: 5.2.0", "version: 5.3.0"))
    assert load_topology(edited).services["api-gateway"].version == "5.3.0"


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(FirstcauseError, match="cannot be read"):
        load_topology(tmp_path / "none.yaml")
