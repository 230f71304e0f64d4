"""The settings of Slack and of webhooks; a part of `Settings`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings


class SlackSettings(BaseSettings):
    """Where incidents and alerts are told, and how."""

    slack_bot_token: SecretStr | None = Field(
        default=None, description="Without it: a preview on the terminal and in a file"
    )
    slack_channel: str = Field(default="#incidents", description="Where incidents go")
    slack_show_redacted: bool = Field(
        default=False,
        description="Put e-mail, IP, phone, IBAN back in what goes to Slack; credentials never",
    )
    slack_api_url: str = Field(default="https://slack.com/api/", description="API address")
    slack_app_token: SecretStr | None = Field(
        default=None, description="For buttons (Socket Mode); else: `firstcause incidents ack`"
    )
    slack_routes: Path = Field(
        default=Path("slack_routes.yaml"),
        description="Channels by severity and service; without the file all go to SLACK_CHANNEL",
    )
    notifications: Path = Field(
        default=Path("notifications.yaml"),
        description="Webhooks and PagerDuty by severity and kind of alerts; without the file none",
    )
    webhooks_allow_private: bool = Field(
        default=False, description="Webhooks may go to addresses in private ranges"
    )
    slack_incident_url: str | None = Field(
        default=None,
        pattern=r"^https?://[^\s<>|\"]+$",
        max_length=500,
        description="Your page of an incident, with {incident_id}; unset: see API_PUBLIC_URL",
    )
    slack_picture_after_seconds: float = Field(
        default=60.0, ge=0, description="Age of a message that gets picture and details"
    )

    analyzer_old_news_seconds: float = Field(
        default=3_600.0,
        gt=0,
        description="Incidents whose last error is older when read are told in one digest",
    )
