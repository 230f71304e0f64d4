"""Configures structlog: JSON to standard error, or plain lines on a terminal."""

from __future__ import annotations

import logging
import sys

import stamina
import structlog

from firstcause.settings import Settings


def configure_logging(settings: Settings) -> None:
    """Sets structlog up for this process; call it once, first thing. Writes to standard error."""
    console = settings.log_format == "console" or (
        settings.log_format == "auto" and sys.stderr.isatty()
    )
    renderer = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Local variables hold text from logs, and that may hold secrets.
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
            )
            if not console
            else structlog.processors.StackInfoRenderer(),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[settings.log_level.upper()]
        ),
        # One write a line: a driver's JVM writes to the same file, also between two writes.
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
    )
    if console:
        tell_no_retries()
    else:
        stamina.instrumentation.set_on_retry_hooks(None)


def tell_no_retries() -> None:
    """Logs no repeated attempts: a person on a terminal is told what fails in the end."""
    stamina.instrumentation.set_on_retry_hooks(())
