"""Airflow answers its own addresses alone: a page elsewhere could rebind its name to loopback.

Everybody who reaches the local Airflow is an admin, so a browser's same-origin rule must not be
the only guard. Airflow loads this file from its folder of plugins.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from airflow.configuration import conf
from airflow.plugins_manager import AirflowPlugin
from starlette.middleware.trustedhost import TrustedHostMiddleware


def trusted_hosts() -> list[str]:
    """Loopback, and the hosts of the addresses that Airflow is configured with."""
    addresses = (
        conf.get("api", "base_url", fallback=""),
        conf.get("core", "execution_api_server_url", fallback=""),
    )
    hosts = {urlsplit(address).hostname for address in addresses}
    return sorted({"127.0.0.1", "localhost"} | {host for host in hosts if host})


class TrustedHosts(AirflowPlugin):
    """Refuses requests to other hosts with 400."""

    name = "trusted_hosts"
    fastapi_root_middlewares = [  # noqa: RUF012 - as Airflow declares it
        {
            "middleware": TrustedHostMiddleware,
            "args": [],
            "kwargs": {"allowed_hosts": trusted_hosts()},
            "name": "trusted hosts",
        }
    ]
