"""`firstcause demo`: everything from nothing to an incident, then a screen that explains it."""

from firstcause.cli.demo.command import register

__all__ = ["register"]
