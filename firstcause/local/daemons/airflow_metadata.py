"""Upgrades Airflow's metadata: `python -m firstcause.local.daemons.airflow_metadata`.

A program of its own, because Airflow reads its configuration from the environment when it is
imported. One start of Python does what `airflow db migrate` and `airflow pools set` do in two.
"""

from __future__ import annotations

from firstcause.local.daemons.airflow_pools import BATCH_POOL, BATCH_POOL_DESCRIPTION, BATCH_SLOTS


def upgrade() -> None:
    """Makes or upgrades the tables, and makes the pools that are missing. Harmless when repeated.

    A pool that is there stays as it is: people may have resized it.
    """
    from airflow.utils import db

    db.upgradedb()
    _ensure_pool(BATCH_POOL, BATCH_SLOTS, BATCH_POOL_DESCRIPTION)


def _ensure_pool(name: str, slots: int, description: str) -> None:
    from airflow.models.pool import Pool
    from airflow.utils.session import create_session

    with create_session() as session:
        if Pool.get_pool(name, session=session) is None:
            Pool.create_or_update_pool(
                name, slots, description, include_deferred=False, session=session
            )


if __name__ == "__main__":
    upgrade()
