"""The settings of search; a part of `Settings`."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class SearchSettings(BaseSettings):
    """How logs are indexed for search, and for how long."""

    search_enabled: bool = Field(
        default=True, description="Whether `up` starts the indexer of full-text search"
    )
    search_group: str = Field(default="search_indexer", description="Consumer group of the indexer")
    search_keep_days: float = Field(
        default=7.0, gt=0, description="How long logs can be searched; Cassandra keeps them longer"
    )
    search_commit_seconds: float = Field(
        default=2.0, gt=0, description="Longest wait until a log that was read can be found"
    )
    search_batch_events: int = Field(
        default=20_000, ge=1, description="Logs that are made findable at once at the most"
    )
    search_metrics_host: str = Field(
        default="127.0.0.1", description="Where the metrics of the indexer listen"
    )
    search_metrics_port: int = Field(
        default=19466, description="Prometheus metrics of the indexer, health"
    )
