"""Alert rules and the page of metrics name only metrics that the code has; each rule is tested."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from firstcause.settings import PROJECT_ROOT, Settings
from tests.unit.project.test_docker_compose import compose_config

PROMETHEUS = PROJECT_ROOT / "deploy" / "prometheus"
ALERTMANAGER = PROJECT_ROOT / "deploy" / "alertmanager"
RULE_TESTS = sorted((PROJECT_ROOT / "tests" / "prometheus").glob("*.test.yaml"))
PACKAGES = ("firstcause", "log_analyzer", "ingest", "search", "api", "spark", "dags", "generators")
# What makes a metric, in prometheus_client.
KINDS = {"Counter", "Gauge", "Histogram", "Summary", "Info", "Enum", "GaugeMetricFamily"}
# Metrics of Prometheus, Alertmanager and the client library, not ours.
FOREIGN = re.compile(r"^(up|scrape_.*|process_.*|python_.*|prometheus_.*|alertmanager_.*)$")


def metrics_page() -> ModuleType:
    path = PROJECT_ROOT / "docs" / "metrics_page.py"
    spec = importlib.util.spec_from_file_location("metrics_page", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


PAGE = metrics_page()


def known_series() -> set[str]:
    return {
        name
        for process in PAGE.PROCESSES
        for metric in PAGE.metrics_of(process)
        for name in metric.series
    }


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load((PROMETHEUS / "rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}


def series_in(expression: str) -> set[str]:
    """Names of our metrics and recorded series in a query; all of ours begin alike."""
    return set(re.findall(r"\bfirstcause[_:][a-z0-9_:]+", expression))


def program(name: str) -> str:
    """One of Prometheus' programs, on the PATH or where `make prometheus` puts it."""
    jars_dir = Settings().jars_dir
    found = shutil.which(name) or shutil.which(name, path=jars_dir / "debian" / "usr" / "bin")
    if found is None:
        pytest.skip(f"{name} is not here: make prometheus fetches it")
    return found


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, cwd=PROJECT_ROOT
    )


def test_the_page_of_metrics_is_that_of_the_code() -> None:
    told = PAGE.PAGE.read_text(encoding="utf-8")
    assert told == PAGE.page(), "python docs/metrics_page.py writes it anew"


def modules_with_metrics() -> Iterator[str]:
    for package in PACKAGES:
        for path in (PROJECT_ROOT / package).rglob("*.py"):
            source = path.read_text(encoding="utf-8")
            if "prometheus_client" not in source:
                continue
            names = {
                alias.name
                for node in ast.walk(ast.parse(source))
                if isinstance(node, ast.ImportFrom)
                and (node.module or "").startswith("prometheus_client")
                for alias in node.names
            }
            if names & KINDS:
                yield ".".join(path.relative_to(PROJECT_ROOT).with_suffix("").parts)


def test_the_page_has_every_module_that_defines_metrics() -> None:
    listed = {module for process in PAGE.PROCESSES for module in process.modules}
    assert set(modules_with_metrics()) == listed


def test_every_metric_says_what_it_is() -> None:
    for process in PAGE.PROCESSES:
        for metric in PAGE.metrics_of(process):
            assert re.fullmatch(r"firstcause_[a-z_]+", metric.name)
            assert len(metric.text) > 10, metric.name
            if metric.kind == "histogram":
                assert metric.unit, metric.name


def test_every_metric_of_a_rule_exists() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for rule in rules():
        assert series_in(rule["expr"]) <= known_series() | recorded, rule
    assert all(series_in(rule["expr"]) for rule in rules() if "up{" not in rule["expr"])


def test_every_job_of_a_rule_is_scraped_and_is_a_service() -> None:
    from firstcause.local.installation import SERVICE_NAMES

    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    jobs = {job["job_name"] for job in config["scrape_configs"]}
    ours = {process.name for process in PAGE.PROCESSES}
    assert ours == jobs - {"prometheus", "alertmanager"}
    assert ours <= set(SERVICE_NAMES)
    assert set(re.findall(r'job=~"([^"]+)"', str(ALERTS))[0].split("|")) == ours


def test_the_ports_that_are_scraped_are_the_defaults() -> None:
    config = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    for job in config["scrape_configs"]:
        process = next((one for one in PAGE.PROCESSES if one.name == job["job_name"]), None)
        if process is not None:
            default = Settings.model_fields[process.port_setting.lower()].default
            assert job["static_configs"] == [{"targets": [f"{process.name}:{default}"]}]


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_a_severity_a_runbook_and_a_line_in_the_documents(alert: str) -> None:
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in {"critical", "high", "medium", "low"}
    assert rule["labels"]["service_name"].startswith("firstcause-")
    assert rule["annotations"]["summary"]
    runbook = PROJECT_ROOT / rule["annotations"]["runbook"]
    assert f"`{alert}`" in runbook.read_text(encoding="utf-8")
    assert f"`{alert}`" in (PROJECT_ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_is_tested_both_firing_and_silent(alert: str) -> None:
    cases = [
        bool(case["exp_alerts"])
        for path in RULE_TESTS
        for test in yaml.safe_load(path.read_text())["tests"]
        for case in test["alert_rule_test"]
        if case["alertname"] == alert
    ]
    assert set(cases) == {True, False}


def dashboards() -> dict[str, dict[str, Any]]:
    folder = PROJECT_ROOT / "deploy" / "grafana" / "dashboards"
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def panel_queries() -> list[tuple[str, str]]:
    """Where each query of a dashboard stands, and the query."""
    return [
        (f"{name}: {panel['title']}", target["expr"])
        for name, dashboard in dashboards().items()
        for panel in dashboard["panels"]
        for target in panel["targets"]
    ]


def test_every_metric_of_a_dashboard_exists() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for place, query in panel_queries():
        names = set(re.findall(r"\b[a-z_:]+(?=[{\[)\s]|$)", re.sub(r"\{[^}]*\}", "{", query)))
        ours = series_in(query)
        assert ours <= known_series() | recorded, place
        assert ours or any(FOREIGN.fullmatch(name) for name in names), place


def test_dashboards_are_whole() -> None:
    found = dashboards()
    assert set(found) == {"pipeline", "services", "incidents", "model-cost"}
    sources = yaml.safe_load(
        (PROJECT_ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text()
    )
    uid = sources["datasources"][0]["uid"]
    assert len({dashboard["uid"] for dashboard in found.values()}) == len(found)
    for dashboard in found.values():
        panels = dashboard["panels"]
        assert len({panel["id"] for panel in panels}) == len(panels)
        for panel in panels:
            place = panel["gridPos"]
            assert panel["title"] and panel["description"] and panel["targets"]
            assert panel["datasource"]["uid"] == uid
            assert place["x"] + place["w"] <= 24
            assert panel["fieldConfig"]["defaults"]["unit"]


def test_promtool_takes_the_queries_of_the_dashboards(tmp_path: Path) -> None:
    promtool = program("promtool")
    queries = [
        {"record": f"query_{number}", "expr": query}
        for number, (_, query) in enumerate(panel_queries())
    ]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboards", "rules": queries}]}))
    done = run(promtool, "check", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr


def test_compose_has_them_only_with_its_profile() -> None:
    more = {"prometheus", "alertmanager", "grafana"}
    plain = compose_config()["services"]
    monitored = compose_config(COMPOSE_PROFILES="monitoring")["services"]
    assert not more & set(plain)
    assert set(monitored) == {*plain, *more}
    default = Settings.model_fields
    ports = {
        "prometheus": default["local_prometheus_port"].default,
        "alertmanager": default["local_alertmanager_port"].default,
    }
    for name in more:
        service = monitored[name]
        assert re.search(r":v?\d+\.\d+\.\d+$", service["image"]), name
        assert service["healthcheck"]["test"][0] == "CMD"
        assert service["restart"] == "unless-stopped"
        assert service["logging"]["options"]["max-size"] == "20m"
        assert int(service["mem_limit"]) <= 2**29
        [port] = service["ports"]
        assert port["host_ip"] == "127.0.0.1"
        assert int(port["published"]) == ports.get(name, 19300)
        for mount in service["volumes"]:
            if mount["type"] == "bind":
                assert mount["read_only"], mount


def test_alerts_that_hold_others_back_are_alerts() -> None:
    config = yaml.safe_load((ALERTMANAGER / "alertmanager.yml").read_text())
    for rule in config["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            assert set(re.findall(r"Firstcause\w+", matcher)) <= set(ALERTS), matcher


def test_amtool_takes_the_configuration() -> None:
    done = run(program("amtool"), "check-config", ALERTMANAGER / "alertmanager.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_takes_the_rules_and_the_configuration() -> None:
    promtool = program("promtool")
    told = run(promtool, "check", "config", "--help")
    if "--syntax-only" not in told.stdout + told.stderr:
        pytest.skip("this promtool can't check a configuration without the files that it names")
    for check in (
        ("check", "rules", PROMETHEUS / "rules.yml"),
        # Without the files that it names: the key of the API is each installation's own.
        ("check", "config", "--syntax-only", PROMETHEUS / "prometheus.yml"),
    ):
        done = run(promtool, *check)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.name)
def test_promtool_runs_the_cases_of_the_rules(path: Path) -> None:
    done = run(program("promtool"), "test", "rules", path)
    assert done.returncode == 0, done.stdout + done.stderr
