"""*Incidents* and *Logs* in Airflow's menu, for who is logged in there.

Airflow asks nobody who calls the app of a plugin: `dags/pages` does. Airflow loads this file from
its folder of plugins, into every process; the app is built where it is asked for.
"""

from __future__ import annotations

from typing import Any, Final

from airflow.plugins_manager import AirflowPlugin
from starlette.types import Receive, Scope, Send

PREFIX: Final = "/firstcause"


async def pages_app(scope: Scope, receive: Receive, send: Send) -> None:
    """Passes a request on to the app of the pages."""
    from dags.pages.app import pages

    await pages()(scope, receive, send)


def _view(name: str, route: str, path: str) -> dict[str, Any]:
    return {"name": name, "href": f"{PREFIX}{path}", "url_route": route, "destination": "nav"}


class IncidentPages(AirflowPlugin):
    """Adds the two pages to the menu."""

    name = "firstcause_pages"
    fastapi_apps = [  # noqa: RUF012 - as Airflow declares it
        {"app": pages_app, "url_prefix": PREFIX, "name": "Firstcause"}
    ]
    external_views = [  # noqa: RUF012
        _view("Incidents", "firstcause_incidents", "/ui/incidents"),
        _view("Logs", "firstcause_logs", "/ui/logs"),
    ]
