"""The app of the API and its pages behind Airflow's session; built at the first request."""

from __future__ import annotations

import threading
from typing import Literal

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import AccessView, DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, FastAPI, Request

from api.app import create_app
from api.guard.identity import Principal
from api.reading.stores import StoreAccess
from firstcause.settings import load_settings
from log_analyzer.door import StoredIncidents

_lock = threading.Lock()
_built: list[FastAPI] = []


def pages() -> FastAPI:
    """The app of this process."""
    with _lock:
        if not _built:
            _built.append(_build())
        return _built[0]


async def airflow_user(request: Request, user: GetUserDep) -> None:
    """Notes who asks: who may see Airflow's pages may read, who may start runs may act.

    Raises:
        HTTPException: 401 by Airflow, nobody is logged in.
    """
    manager = get_auth_manager()
    rights: set[Literal["read", "act"]] = set()
    if manager.is_authorized_view(access_view=AccessView.WEBSITE, user=user):
        rights.add("read")
        if manager.is_authorized_dag(method="POST", access_entity=DagAccessEntity.RUN, user=user):
            rights.add("act")
    name = user.get_name() or "airflow"
    request.state.principal = Principal(name, frozenset(rights), f"airflow {name}", ambient=True)


def _who(request: Request) -> Principal | None:
    found: Principal | None = getattr(request.state, "principal", None)
    return found


def _build() -> FastAPI:
    settings = load_settings()
    with_model = settings.mistral_api_key is not None
    stores = StoreAccess(
        settings, lambda session: StoredIncidents(session, model_configured=with_model)
    )
    return create_app(settings, stores, identify=_who, dependencies=[Depends(airflow_user)])
