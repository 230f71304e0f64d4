"""The settings of the Spark jobs; a part of `Settings`."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings


class SparkSettings(BaseSettings):
    """How the streaming and batch jobs run."""

    spark_master: str = Field(default="local[2]", description="Spark master of the streaming jobs")
    spark_driver_memory: str = Field(default="2g", description="Heap of a streaming driver")
    spark_spans_driver_memory: str = Field(
        default="640m", description="Heap of the driver that stores spans"
    )
    spark_batch_driver_memory: str = Field(
        default="1g", description="Heap of the driver of `learn_normal`"
    )
    spark_max_events_per_batch: int = Field(
        default=100_000, ge=1, description="Back-pressure: events of one micro-batch at the most"
    )
    spark_max_span_messages_per_batch: int = Field(
        default=5_000, ge=1, description="The same for spans: a message may hold thousands of them"
    )
    spark_trigger_seconds: float = Field(
        default=1.0, gt=0, description="How often a micro-batch starts"
    )
    spark_windows_driver_memory: str = Field(
        default="768m", description="Heap of the driver of the window metrics"
    )
    window_watermark_seconds: int = Field(
        default=120,
        ge=1,
        description="Events so far behind the newest still count in their window; later ones are "
        "counted by `metrics_backfill`",
    )
    window_trigger_seconds: float = Field(
        default=5.0, gt=0, description="How often the window metrics are written"
    )
    spark_escalations_driver_memory: str = Field(
        default="512m", description="Heap of the driver of the escalations (Spark asks for 450m)"
    )
    escalation_watermark_seconds: int = Field(
        default=10, ge=1, description="So late an alert still counts for an escalation"
    )
    pipeline_silent_seconds: float = Field(
        default=900.0, ge=60, description="Without a log from any source for so long: an alert"
    )
    pipeline_stalled_seconds: float = Field(
        default=600.0, ge=60, description="A streaming job without progress for so long: an alert"
    )
    spark_stall_seconds: float = Field(
        default=300.0, gt=0, description="A batch that takes longer means a stalled driver"
    )
    normal_time_zone: str = Field(
        default="UTC",
        description="Whose hours of the day have a normal of their own, as Europe/Berlin: where "
        "business hours follow daylight-saving time",
    )

    @field_validator("normal_time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{name} is no time zone, such as Europe/Berlin or UTC") from None
        return name

    @property
    def normal_zone(self) -> ZoneInfo:
        """The time zone of the slots of normal."""
        return ZoneInfo(self.normal_time_zone)
