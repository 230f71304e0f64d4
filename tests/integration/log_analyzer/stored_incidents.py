"""Incidents in Cassandra as the analyzer writes them, without the analyzer."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID, uuid4

from cassandra.cluster import Session

from firstcause.storage.stored_time import datetime_from_ms


def put_incident(
    session: Session,
    first_ms: int,
    last_ms: int,
    status: str,
    minutes: Mapping[int, int] | None = None,
) -> UUID:
    """One incident of one group and one episode, with these errors a minute (since the epoch)."""
    incident = uuid4()
    first = datetime_from_ms(first_ms)
    session.execute("INSERT INTO incident_days (scope, day) VALUES ('all', %s)", (first.date(),))
    session.execute(
        "INSERT INTO incidents_by_day (day, opened_at, incident_id) VALUES (%s, %s, %s)",
        (first.date(), first, incident),
    )
    session.execute(
        "INSERT INTO incidents (incident_id, opened_at, status, fingerprint, service_name, "
        "template, title) VALUES (%s, %s, %s, %s, 'shop', 'It failed', 'shop: It failed')",
        (incident, first, status, incident),
    )
    session.execute(
        "INSERT INTO incident_episodes (incident_id, episode_id) VALUES (%s, %s)",
        (incident, incident),
    )
    session.execute(
        "INSERT INTO episodes (episode_id, incident_id, fingerprint, service_name, template) "
        "VALUES (%s, %s, %s, 'shop', 'It failed')",
        (incident, incident, incident),
    )
    session.execute(
        "INSERT INTO episode_tallies (episode_id, kafka_partition, first_seen, last_seen, fatal, "
        "minutes) VALUES (%s, 0, %s, %s, false, %s)",
        (incident, first, datetime_from_ms(last_ms), dict(minutes or {})),
    )
    return incident
