from __future__ import annotations

import pytest

from firstcause.events.workload import workload_of


@pytest.mark.parametrize(
    ("name", "workload"),
    [
        ("checkout-556455c97c-k8tdx", "checkout"),
        ("ts-food-service-f5756978c-k8vqf", "ts-food-service"),
        ("report-28563120-x7k2p", "report"),
        ("node-exporter-k8tdx", "node-exporter"),
        ("orders-redis-12", "orders-redis"),
        ("kafka-0", "kafka"),
    ],
)
def test_a_replica_counts_for_its_service(name, workload) -> None:
    assert workload_of(name) == workload


@pytest.mark.parametrize(
    "name",
    ["worker-2", "orders-v2", "service-0012", "svc-22345", "nginx-https", "order-proxy", "-", ""],
)
def test_names_that_no_orchestrator_makes_stay(name) -> None:
    assert workload_of(name) == name
