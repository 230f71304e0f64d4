"""The settings of the services that run on this machine; a part of `Settings`."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class LocalSettings(BaseSettings):
    """Ports and memory of local services, apart from those that people call."""

    local_postgres_port: int = Field(default=19432, description="PostgreSQL of the local Airflow")
    local_kafka_controller_port: int = Field(
        default=19093, description="Controller of the local Kafka"
    )
    local_cassandra_storage_port: int = Field(
        default=17000, description="Node to node, local Cassandra"
    )
    local_cassandra_jmx_port: int = Field(default=17199, description="JMX of the local Cassandra")
    local_prometheus_port: int = Field(
        default=19090, description="Prometheus of `up --with monitoring`"
    )
    local_alertmanager_port: int = Field(default=19094, description="Its Alertmanager")
    local_kafka_heap: str = Field(default="512m", description="Heap of the local Kafka")
    local_cassandra_heap: str = Field(default="1536m", description="Heap of the local Cassandra")
