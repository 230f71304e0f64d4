"""The names of the headers of a dead letter."""

from __future__ import annotations

from typing import Final

REASON: Final = "dlq.reason"
TOPIC: Final = "dlq.topic"
PARTITION: Final = "dlq.partition"
OFFSET: Final = "dlq.offset"
CONSUMER: Final = "dlq.consumer"
# Only with the reasons `NOT_STORABLE` and `NOT_DELIVERED`: the error, in one line.
ERROR: Final = "dlq.error"
# All that a dead letter's writer sets.
HEADERS: Final = (REASON, TOPIC, PARTITION, OFFSET, CONSUMER, ERROR)

# Who puts spans there: its letters go back to the topic of spans, all others to that of logs.
SPAN_CONSUMER: Final = "store_spans"

# On a message that was a dead letter and was sent again: its source topic/partition/offset.
REPLAY_OF: Final = "dlq.replay_of"

# A store job's reason for a record that can be read and can't be stored.
NOT_STORABLE: Final = "not_storable"

# The analyzer's reasons: a readable error that could not be processed; a message on the topic of
# escalations that is none. The store jobs' are `UnreadableReason` of `firstcause.events.log_event`
# and `UnreadableSpanReason` of `firstcause.events.span_event`.
PROCESSING_FAILED: Final = "processing_failed"
UNREADABLE_ESCALATION: Final = "unreadable_escalation"
UNREADABLE_ALERT: Final = "unreadable_alert"
# An alert that a webhook did not take, however often it was sent.
NOT_DELIVERED: Final = "not_delivered"
