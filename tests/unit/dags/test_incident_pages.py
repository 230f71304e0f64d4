"""Inside Airflow nobody sees the pages who is not logged in there."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from firstcause.settings import PROJECT_ROOT


def plugin() -> ModuleType:
    path = PROJECT_ROOT / "dags" / "plugins" / "incident_pages.py"
    spec = importlib.util.spec_from_file_location("incident_pages", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch, tmp_path) -> TestClient:
    from dags.pages import app
    from firstcause.settings import Settings

    monkeypatch.setattr(app, "load_settings", lambda: Settings(firstcause_home=tmp_path))
    monkeypatch.setattr(app, "_built", [])
    (mounted,) = plugin().IncidentPages.fastapi_apps
    root = Starlette(routes=[Mount(mounted["url_prefix"], mounted["app"])])
    return TestClient(root, base_url="http://127.0.0.1:18080", raise_server_exceptions=False)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/ui/incidents",
        "/ui/logs",
        "/ui/tail",
        "/incidents",
        "/logs",
        "/logs/tail",
        "/services",
    ],
)
@pytest.mark.parametrize("accept", ["*/*", "text/html"])
def test_an_anonymous_request_gets_401(client: TestClient, path: str, accept: str) -> None:
    answer = client.get(f"/firstcause{path}", headers={"accept": accept}, follow_redirects=False)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "headers",
    [{"authorization": "Bearer forged"}, {"cookie": "_token=forged"}, {"x-api-key": "fck_any"}],
)
def test_a_forged_session_or_a_key_of_ours_is_none_of_airflow_s(
    client: TestClient, headers: dict[str, str]
) -> None:
    answer = client.get("/firstcause/incidents", headers=headers)
    assert answer.status_code in (401, 403, 500)
    assert "incidents" not in answer.json()


def test_what_there_is_is_told_to_nobody(client: TestClient) -> None:
    assert client.get("/firstcause/openapi.json").status_code in (401, 404)


def test_the_menu_leads_to_the_pages() -> None:
    views = plugin().IncidentPages.external_views
    assert [(one["name"], one["href"]) for one in views] == [
        ("Incidents", "/firstcause/ui/incidents"),
        ("Logs", "/firstcause/ui/logs"),
    ]
