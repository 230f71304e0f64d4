"""A name that was rebound to loopback is not answered."""

from __future__ import annotations

import importlib.util

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from firstcause.settings import PROJECT_ROOT


def client() -> TestClient:
    path = PROJECT_ROOT / "dags" / "plugins" / "trusted_hosts.py"
    spec = importlib.util.spec_from_file_location("trusted_hosts", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    app = Starlette(routes=[Route("/", lambda _: PlainTextResponse("in"))])
    for one in module.TrustedHosts.fastapi_root_middlewares:
        app.add_middleware(one["middleware"], *one["args"], **one["kwargs"])
    return TestClient(app)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:18080", 200),
        ("localhost:18080", 200),
        ("airflow.example.com", 200),
        ("rebound.attacker.example:18080", 400),
        ("127.0.0.1.attacker.example", 400),
    ],
)
def test_only_its_own_addresses_are_answered(
    monkeypatch: pytest.MonkeyPatch, host: str, status: int
) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/airflow")
    assert client().get("/", headers={"Host": host}).status_code == status
