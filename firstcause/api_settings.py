"""The settings of the read API and its pages; a part of `Settings`."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class ApiSettings(BaseSettings):
    """Where the API and the pages listen, and what one caller may ask of them."""

    api_enabled: bool = Field(default=True, description="Whether `up` starts the API and pages")
    api_host: str = Field(
        default="127.0.0.1",
        description="Where API and pages listen; beyond loopback an API key is required",
    )
    api_port: int = Field(default=18090, description="API and pages")
    api_public_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s<>|\"{}]+$",
        max_length=400,
        description="Address of the pages as people reach them; messages link there",
    )
    api_query_seconds: float = Field(
        default=10.0, gt=0, description="Longest time that one request may take"
    )
    api_queries_at_once: int = Field(
        default=16, ge=1, description="Requests that read at a time; others are told to come later"
    )
    api_requests_per_second: float = Field(
        default=50.0, gt=0, description="Of one API key or address, over some seconds"
    )
    api_tails: int = Field(default=20, ge=1, description="Live tails at a time")
