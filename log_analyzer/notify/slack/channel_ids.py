"""Finds the ids of Slack's channels by their names; reading a history needs the id."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from slack_sdk import WebClient

from log_analyzer.notify.channel import NotSentError
from log_analyzer.notify.slack.calls import call

CHANNEL_PAGES: Final = 50


class ChannelIds:
    """Looks up a name once. Blocks; raises as `call`."""

    def __init__(self, client: WebClient) -> None:
        self._client = client
        self._ids: dict[str, str] = {}

    def known(self, channel: str) -> str:
        """The id if it is known already, else the given name or id."""
        return self._ids.get(channel, channel)

    def learn(self, channel: str, channel_id: str) -> None:
        """Slack has answered with the id of a channel."""
        self._ids[channel] = channel_id

    def resolve(self, channel: str) -> str:
        """The channel's id; an id stays as it is."""
        if not channel.startswith("#"):
            return channel
        cursor: str | None = None
        for _ in range(CHANNEL_PAGES):
            if channel in self._ids:
                return self._ids[channel]
            page = self._list(cursor)
            self._ids |= {f"#{one['name']}": str(one["id"]) for one in page["channels"]}
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                break
        if channel not in self._ids:
            raise NotSentError(
                f"channel_not_found: set SLACK_CHANNEL to the id of {channel}",
                refusal="channel_closed",
            )
        return self._ids[channel]

    def _list(self, cursor: str | None) -> Any:
        return call(partial(self._client.conversations_list, limit=1000, cursor=cursor))
