"""The analyzer's Prometheus metrics, with their names and help texts."""

from __future__ import annotations

import math

from prometheus_client import Counter, Enum, Gauge, Histogram

from firstcause.dead_letters.fill import read_fill
from firstcause.settings import Settings

MESSAGES = Counter("firstcause_analyzer_messages", "Messages of logs consumed, of any level")
UNREADABLE = Counter(
    "firstcause_analyzer_unreadable",
    "Messages that are no log event; the store job puts them on the dead-letter topic",
)
ERRORS_COUNTED = Counter(
    "firstcause_analyzer_errors_counted", "ERROR and FATAL events counted into incidents"
)
ERRORS_KNOWN = Counter(
    "firstcause_analyzer_errors_known", "Errors that came again (redelivered, replayed)"
)
STACK_LINES = Counter(
    "firstcause_analyzer_stack_lines",
    "Lines of stack traces that came an event each; they belong to the error before them",
)
TEMPLATES_UNPLACED = Counter(
    "firstcause_analyzer_templates_unplaced",
    "Errors whose message found no place in a full leaf of the template tree: their group is `<*>`",
)
DEAD_LETTERS = Counter(
    "firstcause_analyzer_dead_letters", "Errors that could not be processed, put aside"
)
BATCH_ERRORS = Histogram(
    "firstcause_analyzer_batch_errors",
    "Errors of one batch",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000),
)
BATCH_SECONDS = Histogram("firstcause_analyzer_batch_seconds", "Time until a batch is stored")
EPISODES_OPENED = Counter(
    "firstcause_episodes_opened", "Sessions of one group of errors opened by this instance"
)
LOG_ID_BYTES = Gauge(
    "firstcause_analyzer_log_id_bytes", "Memory that remembered log ids take, about"
)
LOOP_FAILURES = Counter(
    "firstcause_analyzer_loop_failures",
    "Merging or resolving incidents failed for a reason that waiting may not mend",
    ["work"],
)
INCIDENTS_MERGED = Counter(
    "firstcause_incidents_merged", "Incidents that proved to share a cause with an older one"
)
INCIDENTS_SPLIT = Counter(
    "firstcause_incidents_split", "Incidents that left one of which they were thought a part"
)
ALERTS = Counter(
    "firstcause_analyzer_alerts", "Alerts that the rules made and that were sent", ["severity"]
)
WEBHOOKS = Counter(
    "firstcause_webhooks",
    "Alerts told to a receiver of notifications.yaml, by outcome; failed ones are dead letters",
    ["receiver", "outcome"],
)
ESCALATIONS = Counter("firstcause_analyzer_escalations", "Escalations stored")
INCIDENTS_OPENED = Counter("firstcause_incidents_opened", "Incidents opened by this instance")
INCIDENTS_OPEN = Gauge("firstcause_incidents_open", "Incidents that are open now, of all instances")
DEAD_LETTER_BYTES = Gauge(
    "firstcause_dead_letter_bytes",
    "Size of the dead-letter topic as a store job measured it last; NaN while it never did",
)
DEAD_LETTER_BOUND_BYTES = Gauge(
    "firstcause_dead_letter_bound_bytes",
    "KAFKA_DEAD_LETTER_MAX_BYTES; the oldest letters go from half of it on",
)
STORE_AWAY = Gauge(
    "firstcause_analyzer_store_away",
    "1 while Cassandra does not take writes, or has not answered since the start",
)
HOT_STATE_AWAY = Gauge(
    "firstcause_hot_state_away", "1 while the hot state cannot be written to Redis (REDIS_URL)"
)
MESSAGES_PENDING = Gauge(
    "firstcause_slack_messages_pending", "Incident messages that have not reached Slack yet"
)
MESSAGE_WAIT_SECONDS = Gauge(
    "firstcause_slack_oldest_message_wait_seconds",
    "Time that the oldest of them is overdue, as this instance has seen it; 0 when none is",
)
SLACK_SENDS = Counter(
    "firstcause_slack_sends",
    "Requests to Slack (or the preview) by kind and outcome",
    ["kind", "outcome"],
)
CLICKS = Counter(
    "firstcause_slack_clicks", "Clicks on buttons by kind and outcome", ["kind", "outcome"]
)
MODEL_CALLS = Counter("firstcause_model_calls", "Calls to the model by outcome", ["outcome"])
MODEL_TOKENS = Counter("firstcause_model_tokens", "Tokens charged to the budget")
MODEL_BUDGET = Gauge(
    "firstcause_model_budget_tokens",
    "Tokens that the settings allow for an hour and for a day, of all instances together",
    ["period"],
)
CONTEXTS_GATHERED = Counter(
    "firstcause_contexts_gathered",
    "Contexts gathered from the stored logs; incomplete: something was late or not stored yet; "
    "unranked: shown before the comparison with normal was done",
    ["outcome"],
)
CONTEXT_SECONDS = Histogram(
    "firstcause_context_seconds",
    "Time to gather a context",
    buckets=(0.05, 0.1, 0.2, 0.5, 1, 2, 3, 5),
)
MODEL_BREAKER = Enum(
    "firstcause_model_breaker",
    "Whether the model is called: closed yes, open not for a while, half_open one probe",
    states=["closed", "open", "half_open"],
)
MODEL_CALLS_RUNNING = Gauge("firstcause_model_calls_running", "Calls to the model under way")
PROMPT_BROKEN = Gauge("firstcause_prompt_broken", "1 while an edited prompt does not work")
WORKER_FAILURES = Counter(
    "firstcause_analyzer_worker_failures",
    "Passes of a background worker that failed for a reason of their own",
    ["worker"],
)


def show_settings(settings: Settings) -> None:
    """Shows the bounds of the settings, and at each scrape how full the dead-letter topic is."""

    def used_bytes() -> float:
        fill = read_fill(settings)
        return math.nan if fill is None else float(fill.used_bytes)

    DEAD_LETTER_BYTES.set_function(used_bytes)
    DEAD_LETTER_BOUND_BYTES.set(settings.kafka_dead_letter_max_bytes)
    MODEL_BUDGET.labels("hour").set(settings.analyzer_llm_tokens_per_hour)
    MODEL_BUDGET.labels("day").set(settings.analyzer_llm_tokens_per_day)
