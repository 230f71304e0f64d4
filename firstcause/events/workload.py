"""Derives the name of a service from the name of one of its replicas. Pure."""

from __future__ import annotations

import functools
import re
from typing import Final

# What Kubernetes makes random names of: no vowels, nor what looks like one.
_RANDOM: Final = "[bcdfghjklmnpqrstvwxz2456789]"
# A pod of a Deployment, of a Job started by time, of a DaemonSet (with a digit, or it is a word).
_REPLICA: Final = re.compile(
    rf"-(?:[a-z0-9]{{0,2}}(?=[a-f0-9]*\d)[a-f0-9]{{7,10}}|{_RANDOM}{{8,10}}|\d{{8,10}})-{_RANDOM}{{5}}$"
    rf"|-(?={_RANDOM}*\d)(?={_RANDOM}*[a-z]){_RANDOM}{{5}}$"
)
# A pod of a StatefulSet ends with its number; so do services of their own (`worker-2`), so only
# names of what is known to run as one are cut.
_STATEFUL: Final = re.compile(r"(?<=[a-z])-\d{1,3}$(?<!-v\d)")
_STATEFUL_NAMES: Final = re.compile(
    r"(?:^|-)(?:redis|valkey|kafka|zookeeper|postgres|postgresql|pg|mysql|mariadb|mongo|mongodb|cassandra"
    r"|scylla|elasticsearch|opensearch|rabbitmq|etcd|consul|vault|minio|clickhouse|nats|pulsar|cockroachdb"
    r"|memcached|solr|neo4j|influxdb|prometheus|alertmanager|loki|db|database|master|replica|primary|broker)$"
)


@functools.lru_cache(maxsize=20_000)
def workload_of(service_name: str) -> str:
    """The service without the suffix of a replica: `checkout-556455c97c-k8tdx` is `checkout`.

    Names that no orchestrator makes stay as they are; so do `worker-2` and `orders-v2`.
    """
    cut = _REPLICA.sub("", service_name)
    if cut != service_name and cut:
        return cut
    base = _STATEFUL.sub("", service_name)
    return base if base != service_name and _STATEFUL_NAMES.search(base) else service_name
