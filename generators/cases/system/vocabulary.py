"""Word lists of the simulated systems: business domains and identifiers in code."""

from __future__ import annotations

from typing import Final

# Each trade: what services deal in, those close to customers first.
TRADES: Final[dict[str, tuple[str, ...]]] = {
    "travel": (
        "trip", "booking", "itinerary", "fare", "seat", "passenger", "route", "station",
        "luggage", "voucher", "timetable", "carriage", "meal", "refund", "loyalty", "quota",
    ),
    "bank": (
        "transfer", "account", "statement", "balance", "limit", "customer", "card", "ledger",
        "fee", "currency", "fraud", "mandate", "branch", "document", "holiday", "interest",
    ),
    "film": (
        "playback", "title", "watchlist", "profile", "recommendation", "subscription", "rating",
        "license", "subtitle", "artwork", "bitrate", "device", "region", "history", "trailer",
    ),
    "kitchen": (
        "order", "menu", "basket", "courier", "restaurant", "delivery", "price", "coupon", "tip",
        "address", "zone", "invoice", "allergen", "slot", "weather", "shift",
    ),
    "clinic": (
        "appointment", "patient", "prescription", "referral", "doctor", "insurance", "record",
        "ward", "allergy", "lab", "dosage", "consent", "calendar", "room", "vaccine",
    ),
    "freight": (
        "shipment", "quote", "container", "customs", "vessel", "tariff", "port", "warehouse",
        "pallet", "driver", "label", "manifest", "weight", "geofence", "claim", "fuel",
    ),
    "school": (
        "course", "enrolment", "lesson", "student", "grade", "quiz", "teacher", "library",
        "certificate", "schedule", "forum", "license", "badge", "attendance", "media",
    ),
    "energy": (
        "contract", "meter", "reading", "bill", "outage", "tariff", "household", "forecast",
        "grid", "payment", "solar", "battery", "notice", "area", "technician", "discount",
    ),
    "hotel": (
        "reservation", "search", "room", "rate", "guest", "availability", "review", "photo",
        "tax", "amenity", "partner", "geo", "checkin", "minibar", "parking", "promotion",
    ),
    "game": (
        "match", "player", "inventory", "lobby", "skin", "wallet", "rank", "clan", "chat",
        "quest", "season", "moderation", "telemetry", "server", "friend", "achievement",
    ),
}  # fmt: skip

GATEWAYS: Final = ("api-gateway", "edge", "web-bff", "public-api")
SUFFIXES: Final = ("-service", "", "-svc", "-api")

READS: Final = ("get", "list", "find", "check", "load")
WRITES: Final = ("create", "update", "reserve", "record", "confirm")

# What a line of code says of its noun {n}; {N} begins with a capital.
READ_LINES: Final = (
    "INFO Found {{rows}} {n} entries for {{user_id}}",
    "INFO Loaded {n} {{order_id}}",
    "INFO {N} {{order_id}} read in {{short_ms}} ms",
    "INFO [{op}] {n} lookup, key={{order_id}}, hits={{rows}}",
    "INFO Resolved {n} of {{user_id}} to {{sku}}",
    "INFO {n} query took {{short_ms}} ms, {{rows}} rows",
    "DEBUG Cache lookup for {n} {{order_id}}",
    "INFO Returning {{rows}} of {{quantity}} {n} candidates",
    "INFO {N} details requested: id={{order_id}}",
    "INFO Mapped {n} record of {{sku}}",
)
WRITE_LINES: Final = (
    "INFO {N} {{order_id}} stored",
    "INFO Saved {n} {{order_id}} for {{user_id}}",
    "INFO [{op}] {n} updated, version={{quantity}}, id={{order_id}}",
    "INFO Wrote {{rows}} rows of {n}",
    "INFO New {n} {{order_id}} for customer {{user_id}}",
    "INFO {N} state of {{order_id}} is now CONFIRMED",
    "INFO Persisted {n}: id={{order_id}} amount={{amount}}",
)
CHECK_LINES: Final = (
    "INFO Request for {n} {{order_id}} is valid",
    "INFO {N} rules passed for {{user_id}}",
    "INFO Checking {n} preconditions of {{order_id}}",
    "DEBUG Validated {n} input in {{short_ms}} ms",
    "INFO {N} of {{user_id}} is allowed",
)
RECEIVED_LINES: Final = (
    "INFO {route} called by {user_id}",
    "INFO [{operation}] start, id={order_id}",
    "INFO Handling {operation} for {user_id}",
    "INFO --> {route}",
)
COMPLETED_LINES: Final = (
    "INFO {operation} finished in {elapsed_ms} ms",
    "INFO [{operation}] done, status={status}",
    "INFO <-- {status} {route} ({elapsed_ms} ms)",
    "DEBUG {operation} answered {status}",
    "DEBUG {operation} answered {status}",
)
FAILED_LINES: Final = (
    "WARN {operation} ended with {status} after {elapsed_ms} ms",
    "INFO [{operation}] done, status={status}",
    "WARN <-- {status} {route} ({elapsed_ms} ms)",
    "DEBUG {operation} answered {status}",
)
BACKGROUND_LINES: Final = (
    "INFO Pool stats: {connections} connections in use",
    "INFO Scheduled refresh done, {rows} entries",
    "INFO Heartbeat ok, queue depth {queue_depth}",
    "INFO Config poll: no change",
    "INFO Flushed {rows} metrics",
)
# Known to every team, and ignored by every team.
AMBIENT_BACKGROUND_LINES: Final = (
    "WARN Clock differs by {short_ms} ms from the time server",
    "ERROR Could not push metrics: collector answered 429",
    "WARN Slow consumer: lag {rows}",
    "ERROR Failed to parse user agent on worker {worker}",
    "WARN Deprecated configuration key is still in use",
)
AMBIENT_REQUEST_LINES: Final = (
    "ERROR Could not parse the tracking cookie of {user_id}",
    "ERROR Ignoring malformed header x-campaign",
    "WARN No translation for {sku}, using the default",
    "ERROR Duplicate key while writing the audit trail of {order_id}, skipped",
    "WARN Optional field missing in {sku}",
)
REJECTED_LINES: Final = (
    "INFO {operation} refused: {order_id} is not known",
    "WARN Bad input for {operation}",
    "INFO {user_id} may not do {operation}",
)
