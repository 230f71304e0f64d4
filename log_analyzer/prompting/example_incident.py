"""An invented incident to render prompts with when none is stored. Pure."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from firstcause.derived_ids import derived_id
from firstcause.incidents.records import EarlierIncident, SimilarIncident
from firstcause.incidents.view import (
    ContextLog,
    ErrorGroup,
    Evidence,
    IncidentContext,
    IncidentView,
    NormalRanking,
    RateChange,
    Suspect,
    TimelineEntry,
)

START_MS: Final = 1_767_225_600_000  # 2026-01-01T00:00:00Z
ERRORS: Final = 40


def example_incident() -> IncidentView:
    """`payment` runs out of database connections; `order` fails because of it."""
    payment = "Charge <*> failed: no connection within <*> ms"
    order = "Order <*> not placed: payment answered <*>"

    def error(number: int) -> Evidence:
        at_payment = number % 2 == 0
        return Evidence(
            log_id=_log_id(f"error-{number}"),
            timestamp_ms=START_MS + number * 250,
            service_name="payment" if at_payment else "order",
            level="ERROR",
            message=f"Charge {7_000 + number} failed: no connection within 30000 ms"
            if at_payment
            else f"Order {9_000 + number} not placed: payment answered 503",
            error_code="POOL-1" if at_payment else None,
            trace_id=derived_id("example", number // 2).hex,
            span_id=derived_id("example", "span", number).hex[:16],
            parent_span_id=derived_id("example", "span", number + 1).hex[:16],
        )

    evidence = tuple(map(error, range(ERRORS)))
    sale = _earlier(1, "The connection pool of payment was too small for the sale.")
    pool = ContextLog(
        log_id=_log_id("pool"),
        timestamp_ms=START_MS - 4_000,
        service_name="payment",
        level="WARN",
        message="Connection pool: 50 of 50 in use, 12 wait (ann@example.com is on call)",
    )
    return IncidentView(
        incident_id=UUID(int=0),
        fingerprint=derived_id("example", "order", order),
        status="open",
        service_name="order",
        template=order,
        title=f"order: {order}",
        severity="medium",
        suspects=("payment", "order"),
        services=("order", "payment"),
        error_count=ERRORS,
        first_ms=evidence[0].timestamp_ms,
        last_ms=evidence[-1].timestamp_ms,
        evidence=evidence,
        analyses=(),
        message=None,
        groups=tuple(
            ErrorGroup(
                fingerprint=derived_id("example", service, template),
                service_name=service,
                template=template,
                error_count=ERRORS // 2,
                first_ms=START_MS,
                last_ms=evidence[-1].timestamp_ms,
            )
            for service, template in (("payment", payment), ("order", order))
        ),
        earlier=(sale, _earlier(2, "A query of payment held all connections.")),
        similar=(
            SimilarIncident(
                sale,
                0.75,
                (f"same errors: payment: {payment}", "same codes: POOL-1"),
                is_confirmed=True,
            ),
        ),
        context=IncidentContext(
            gathered_ms=START_MS + 10_000,
            suspects=(
                Suspect("payment", ("Its errors come first, by 250 ms.", "order calls it.")),
                Suspect("order", ("It reports the errors.",)),
            ),
            ranking=NormalRanking(
                culprit="payment",
                suspects=(
                    Suspect("payment", ("Its answer is missing in 31 of 40.",), departure=2.6),
                    Suspect("order", ("It ends early in 30 of 40.",), departure=0.7),
                ),
                fits_normal=True,
                normal_version="example",
                learned_ms=START_MS - 3_600_000,
                start_ms=START_MS - 120_000,
                end_ms=START_MS + 180_000,
                events=4_200,
                path=("payment", "order"),
                hops=(
                    f"payment -> order: order goes wrong in 31 of 40 requests that reach payment "
                    f"(log {pool.log_id}, 250 ms before log {evidence[0].log_id}).",
                ),
            ),
            timeline=(
                TimelineEntry(pool.timestamp_ms, "payment", "warns of its pool", pool.log_id),
                TimelineEntry(START_MS, "payment", "first error", evidence[0].log_id),
            ),
            trace_logs=(),
            logs_before=(pool,),
            rate_changes=(
                RateChange("payment", "WARN", "Connection pool: <*> of <*> in use", 0.2, 31.0),
            ),
        ),
    )


def _earlier(days: int, root_cause: str) -> EarlierIncident:
    """The incident of so many days before, of a few minutes."""
    first_ms = START_MS - days * 86_400_000
    return EarlierIncident(
        UUID(int=days), first_ms, first_ms + 400_000, "payment", root_cause, "likely"
    )


def _log_id(name: str) -> str:
    return str(derived_id("example", name))
