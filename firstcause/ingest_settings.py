"""The settings of the ingest service; a part of `Settings`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings


class IngestSettings(BaseSettings):
    """How records of other formats come in."""

    ingest_group: str = Field(default="ingest", description="Consumer group of the ingest bridge")
    ingest_instance: str = Field(
        default="1", description="Name of this bridge in its group; each needs one of its own"
    )
    ingest_sources_file: Path = Field(
        default=Path("ingest/sources.yaml"),
        description="Topics with records of other formats, and how their fields map",
    )
    ingest_metrics_host: str = Field(
        default="127.0.0.1", description="Where the metrics of the ingest bridge listen"
    )
    ingest_metrics_port: int = Field(
        default=19465, description="Prometheus metrics of the ingest bridge"
    )

    ingest_http_host: str = Field(
        default="127.0.0.1",
        description="Where OTLP/HTTP and /ingest listen; beyond loopback an API key is required",
    )
    ingest_http_port: int = Field(default=4318, description="OTLP/HTTP's own port")
    ingest_otlp_logs_topic: str = Field(
        default="otlp_logs", description="What comes by POST /v1/logs, until the bridge reads it"
    )
    ingest_otlp_spans_topic: str = Field(
        default="otlp_spans", description="The same for POST /v1/traces"
    )
    ingest_lines_topic: str = Field(
        default="shipped_logs", description="The same for POST /ingest, a record a line"
    )
