"""The environment variables of local processes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from pydantic import SecretStr

from firstcause.settings import Settings


def settings_environment(settings: Settings) -> dict[str, str]:
    """The settings as environment variables, so that a child reads the same ones.

    Settings that are None are left out. Secrets are in it: never log it.
    """
    environment = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            value = value.get_secret_value()
        if value is not None:
            environment[name.upper()] = str(value)
    return environment


def inherited_environment() -> dict[str, str]:
    """This process's environment, with the programs of this Python's environment found first."""
    programs = str(Path(sys.executable).parent)
    path = os.environ.get("PATH", os.defpath)
    found = programs in path.split(os.pathsep)
    return {**os.environ, "PATH": path if found else f"{programs}{os.pathsep}{path}"}


def process_environment(settings: Settings) -> dict[str, str]:
    """The inherited environment with the settings. Secrets are in it: never log it."""
    return {**inherited_environment(), **settings_environment(settings)}
