"""CloudWatch Logs subscriptions: a batch of log events, gzipped on its way through Kinesis."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingest.draft import Draft


def matches(document: Mapping[str, Any]) -> bool:
    """Whether it is a subscription's message: `messageType`, `logGroup` and `logEvents`."""
    return isinstance(document.get("logEvents"), list) and "messageType" in document


def read(document: Mapping[str, Any]) -> list[Draft]:
    """All log events of a batch; none of a control message. CloudWatch's ids are the identity."""
    if document["messageType"] != "DATA_MESSAGE":
        return []
    group, stream = str(document.get("logGroup", "")), str(document.get("logStream", ""))
    drafts = []
    for entry in document["logEvents"]:
        if not isinstance(entry, Mapping):
            continue
        draft = Draft(body=entry.get("message", ""))
        draft.take_time("timestamp", entry.get("timestamp"))
        # `/aws/lambda/pay`, `/ecs/checkout`: the last part is the workload.
        draft.take("service_name", group.rstrip("/").rpartition("/")[2])
        draft.take("instance", stream)
        draft.attributes["aws.log.group.name"] = group
        if document.get("owner"):
            draft.attributes["cloud.account.id"] = str(document["owner"])
        draft.fields["cloud_provider"] = "aws"
        if entry.get("id"):
            draft.identity = ("cloudwatch", group, stream, str(entry["id"]))
        drafts.append(draft)
    return drafts
