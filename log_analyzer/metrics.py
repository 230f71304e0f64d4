"""The analyzer's Prometheus metrics: each named and explained here, nowhere else."""

from __future__ import annotations

from prometheus_client import Counter, Enum, Gauge, Histogram

MESSAGES = Counter("firstcause_analyzer_messages", "Messages consumed, of any level")
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
ESCALATIONS = Counter("firstcause_analyzer_escalations", "Escalations stored")
INCIDENTS_OPENED = Counter("firstcause_incidents_opened", "Incidents opened by this instance")
INCIDENTS_OPEN = Gauge("firstcause_incidents_open", "Incidents that are open now, of all instances")
STORE_AWAY = Gauge("firstcause_analyzer_store_away", "1 while Cassandra does not take writes")
MESSAGES_PENDING = Gauge(
    "firstcause_slack_messages_pending", "Incident messages that have not reached Slack yet"
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
