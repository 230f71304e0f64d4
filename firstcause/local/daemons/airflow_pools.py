"""Airflow's pools: worker slots reserved for the streaming drivers."""

from __future__ import annotations

from typing import Final

# Everything but the supervision of streams runs in this pool.
BATCH_POOL: Final = "batch"
BATCH_SLOTS: Final = 3
BATCH_POOL_DESCRIPTION: Final = "All tasks but the streams' drivers: some hold a slot for hours."

# For the tasks of `stream_jobs`, one a job: they hold a slot for seconds, to start a driver.
STREAM_SLOTS: Final = 4
# Above any other task, whatever hangs from it.
STREAM_PRIORITY: Final = 1000

PARALLELISM: Final = BATCH_SLOTS + STREAM_SLOTS
