"""Which service a record is of, and which instance: workloads, not pods, are services."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ingest.fields.lookup import find, first_text

# OpenTelemetry's semantic conventions: what a service without a name is called.
UNKNOWN_SERVICE: Final = "unknown_service"

# Kubernetes makes these: a ReplicaSet's pod, a DaemonSet's or Job's pod, a StatefulSet's pod.
_REPLICA_SET_POD = re.compile(r"(?P<workload>.+?)-[a-f0-9]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}")
_RANDOM_POD = re.compile(r"(?P<workload>.+?)-[bcdfghjklmnpqrstvwxz2456789]{5}")
_STATEFUL_POD = re.compile(r"(?P<workload>.+?)-\d{1,4}")
_DIGIT = re.compile(r"\d")

_LABELS: Final = ("app.kubernetes.io/name", "app", "k8s-app", "name", "app.kubernetes.io/instance")


def workload_of_pod(pod: str) -> str:
    """The workload that a pod belongs to, by the names that Kubernetes makes.

    `checkout-556455c97c-k8tdx` is of `checkout`, `redis-0` of `redis`. The alphabet of the random
    parts is that of k8s.io/apimachinery/pkg/util/rand: no vowels, no 0, 1 and 3.
    """
    if match := _REPLICA_SET_POD.fullmatch(pod):
        return match["workload"]
    if (match := _RANDOM_POD.fullmatch(pod)) and _DIGIT.search(pod[-5:]):
        return match["workload"]
    if match := _STATEFUL_POD.fullmatch(pod):
        return match["workload"]
    return pod


def kubernetes_service(kubernetes: Mapping[str, Any]) -> str | None:
    """The service by the metadata that shippers add: labels, container, workload of the pod.

    Reads the names of Fluent Bit, Vector, Filebeat and the OpenTelemetry attributes alike.
    """
    for labels in (kubernetes.get("labels"), kubernetes.get("pod_labels")):
        if isinstance(labels, Mapping):
            for label in _LABELS:
                # Filebeat writes `app_kubernetes_io/name`: dots are no part of its names.
                value = find(labels, label) or labels.get(label.replace(".", "_"))
                if isinstance(value, str) and value.strip():
                    return value.strip()
    if container := first_text(kubernetes, ("container_name", "container.name")):
        return container
    if owner := first_text(
        kubernetes, ("deployment.name", "statefulset.name", "daemonset.name", "pod_owner")
    ):
        # Vector's `pod_owner` is `ReplicaSet/checkout-556455c97c`.
        return owner.rpartition("/")[2]
    if pod := first_text(kubernetes, ("pod_name", "pod.name")):
        return workload_of_pod(pod)
    return None


def kubernetes_instance(kubernetes: Mapping[str, Any]) -> str | None:
    """The pod that wrote the record."""
    return first_text(kubernetes, ("pod_name", "pod.name"))
