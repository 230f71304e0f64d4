"""Fixtures of the e2e tests."""

from __future__ import annotations

import pytest

from firstcause.settings import Settings


@pytest.fixture(scope="module")
def settings(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The shared services, with checkpoints of the module's own: its topics are its own as well."""
    return settings.model_copy(update={"firstcause_home": tmp_path_factory.mktemp("e2e")})
