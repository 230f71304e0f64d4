"""Faults of processors, networks, names, certificates and partners. See docs/fault-types.md."""

from __future__ import annotations

from generators.cases.faults.fault import (
    FaultSetting,
    FaultType,
    anyone,
    calls_nobody,
    calls_others,
    uses_database,
    uses_partner,
)
from generators.cases.simulation.effects import ResourceTrouble, SlowWork, StepTrouble, Wait
from generators.cases.simulation.wire_effects import NoWay, SlowWire
from generators.cases.system.builder import PARTNER
from generators.cases.system.model import CaseSystem
from generators.log_template import parse_log_template


def cpu_contention(to: FaultSetting) -> None:
    """A neighbour takes the processor: all work is slower, and at times stands still.

    Loud: the culprit's own waiting for its database runs into limits, since nobody wakes it.
    """
    draw = to.draw
    where = to.some_replicas()
    course = to.course(15)
    stall = Wait(to.patience_ms * draw.uniform(0.5, 1.3), 0.8)
    to.world.add(
        SlowWork(where, course, draw.uniform(4, 12), draw, sigma=0.7, share=0.9),
        StepTrouble(where, course, to.share(0.3, 0.6), draw, wait=stall),
    )
    if not to.silent:
        late = to.error(
            "canceling statement due to statement timeout",
            java="org.postgresql.util.PSQLException",
            python="psycopg2.errors.QueryCanceled",
        )
        to.world.add(
            ResourceTrouble(
                where, course, 0.25, draw, wait=Wait(to.patience_ms * 0.3, 0.4), said=(late,),
                status=500, resource=to.database,
            )
        )  # fmt: skip


def network_delay(to: FaultSetting) -> None:
    """Every packet from and to the culprit comes late."""
    draw = to.draw
    where = to.some_replicas()
    share = 1.0 if not where.replicas else 0.6
    delay = Wait(to.patience_ms * draw.uniform(0.3, 1.2), 0.3)
    to.world.add(SlowWire(where, to.course(10), delay, 0.0, draw, share))


def packet_loss(to: FaultSetting) -> None:
    """Packets from and to the culprit are lost and sent again: few calls, but long waits."""
    draw = to.draw
    where = to.some_replicas()
    share = 1.0 if not where.replicas else 0.6
    to.world.add(SlowWire(where, to.course(10), Wait(0, 0), draw.uniform(0.35, 0.7), draw, share))


def expired_certificate(to: FaultSetting) -> None:
    """Nobody can open a connection to the culprit; those that are open live on a while."""
    line = to.draw.choice(
        (
            "ERROR PKIX path validation failed: CertificateExpiredException: NotAfter",
            "ERROR TLS handshake with {callee} failed: certificate has expired",
            "ERROR x509: certificate has expired or is not yet valid",
        )
    )
    to.world.add(
        NoWay(
            to.course(60), to.share(0.7, 1.0), parse_log_template(line), Wait(15, 0.6), to.draw,
            callee=to.culprit,
        )
    )  # fmt: skip


def dns_failure(to: FaultSetting) -> None:
    """A name is gone (silent), or the culprit's own resolver fails and it finds nobody (loud)."""
    draw = to.draw
    line = draw.choice(
        (
            "ERROR java.net.UnknownHostException: {callee}",
            "ERROR dial tcp: lookup {callee}: no such host",
            "ERROR Temporary failure in name resolution",
        )
    )
    # A resolver that is away is asked again after 5 s; one that knows no such name says so.
    wait = Wait(20, 0.6) if to.silent or draw.happens(0.5) else Wait(5000, 0.01)
    share = to.share(0.5, 0.95)
    template = parse_log_template(line)
    if to.silent:
        gone = NoWay(to.course(30), share, template, wait, draw, callee=to.culprit)
    else:
        gone = NoWay(to.course(30), share, template, wait, draw, caller=to.some_replicas())
    to.world.add(gone)


def third_party_outage(to: FaultSetting) -> None:
    """Somebody else's service fails; the culprit is ours that depends on it.

    Loud: it answers 503 or not at all. Silent: it is slow, and the culprit waits for it without
    a limit of its own.
    """
    draw = to.draw
    where, course = to.anywhere(), to.course(20)
    if to.silent:
        wait = Wait(to.patience_ms * draw.uniform(0.8, 1.8), 0.6)
        to.world.add(ResourceTrouble(where, course, to.share(), draw, wait=wait, resource=PARTNER))
        return
    away = to.error(
        "https://partner.example/v2 answered 503",
        java="org.springframework.web.client.HttpServerErrorException$ServiceUnavailable",
        python="requests.exceptions.HTTPError",
    )
    mute = to.error(
        "https://partner.example/v2: read timed out",
        java="java.net.SocketTimeoutException",
        python="requests.exceptions.ReadTimeout",
    )
    limit_ms = to.patience_ms * draw.uniform(0.3, 0.8)
    to.world.add(
        ResourceTrouble(
            where, course, to.share(), draw, wait=Wait(limit_ms * 0.7, 0.9), said=(away,),
            status=502, limit_ms=limit_ms, over_limit=(mute,), limit_status=504, resource=PARTNER,
        )
    )  # fmt: skip


def _has_several_callers(system: CaseSystem, service: str) -> bool:
    return len(system.callers(service)) > 1


def _calls_several(system: CaseSystem, service: str) -> bool:
    return len(system.callees(service)) > 1


PLATFORM_FAULTS = (
    FaultType("cpu_contention", cpu_contention, uses_database, anyone),
    FaultType("network_delay", network_delay, calls_others, calls_nobody),
    FaultType("packet_loss", packet_loss, calls_others, calls_nobody),
    FaultType("expired_certificate", expired_certificate, anyone, anyone, can_be_loud=False),
    FaultType("dns_failure", dns_failure, _calls_several, _has_several_callers),
    FaultType("third_party_outage", third_party_outage, uses_partner, uses_partner),
)
