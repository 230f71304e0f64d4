"""The formats: their names, how each is recognised, and in which order `auto` asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ingest.draft import Draft
from ingest.readers import application, cloudwatch, containers, google_cloud, journald, otlp, syslog

ReadEnvelope = Callable[[Mapping[str, Any]], list[Draft]]


def _read_application(document: Mapping[str, Any]) -> list[Draft]:
    draft = Draft(body="")
    application.read(document, draft)
    return [draft]


@dataclass(frozen=True, slots=True)
class Format:
    """A form of JSON records: how it is recognised, and how it is read.

    `reads_any`: a record of a source that is said to be of this form is read as it, also where it
    is not recognised: shippers let people rename and drop what `matches` looks for.
    """

    name: str
    matches: Callable[[Mapping[str, Any]], bool]
    read: ReadEnvelope
    reads_any: bool = False


# In the order in which `auto` asks.
FORMATS: Final = (
    Format("otlp_json", otlp.matches, otlp.read),
    Format("cloudwatch", cloudwatch.matches, cloudwatch.read),
    Format("google_cloud", google_cloud.matches, google_cloud.read),
    Format("journald", journald.matches, journald.read),
    Format("gelf", syslog.is_gelf, syslog.read_gelf),
    Format("docker", containers.is_docker, containers.read_docker),
    Format("vector", containers.is_vector, containers.read_container, reads_any=True),
    Format("filebeat", containers.is_filebeat, containers.read_container, reads_any=True),
    Format("fluent_bit", containers.is_fluent, containers.read_container, reads_any=True),
    Format("json", application.matches, _read_application, reads_any=True),
)
AUTO: Final = "auto"
TEXT: Final = "text"
SYSLOG: Final = "syslog"
# What people call the loggers whose JSON one reader takes.
LOGGER_FORMATS: Final = frozenset(
    {"json", "ecs", "logstash", "logback", "pino", "bunyan", "zap", "zerolog", "logrus", "winston",
     "clef", "serilog", "structlog", "log4j2", "fluentd"}
)  # fmt: skip
LINE_FORMATS: Final = frozenset({TEXT, SYSLOG, "cri", "logfmt"})
OTLP_PROTO: Final = "otlp_proto"
OTLP_PROTO_SPANS: Final = "otlp_proto_spans"
BINARY_FORMATS: Final = frozenset({OTLP_PROTO, OTLP_PROTO_SPANS})
FORMAT_NAMES: Final = frozenset({AUTO, *(known.name for known in FORMATS)}) | (
    LOGGER_FORMATS | LINE_FORMATS | BINARY_FORMATS
)


def format_of(document: Mapping[str, Any], format_name: str) -> Format:
    """The format of a document: the one that is named, else the first that recognises it.

    A record that is not of the named form is guessed: one odd record costs nothing of itself.
    """
    if format_name in LOGGER_FORMATS:
        return FORMATS[-1]
    for known in FORMATS:
        if known.name == format_name and (known.reads_any or known.matches(document)):
            return known
    # An object that looks like nothing known is read as a logger's: its fields are kept.
    return next((known for known in FORMATS if known.matches(document)), FORMATS[-1])
