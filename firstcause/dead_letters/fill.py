"""Stores and reads how full the dead-letter topic is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import orjson

from firstcause.settings import Settings

# The oldest letters go from half of the bound on; a person should know long before.
WARN_SHARE: Final = 0.25


@dataclass(frozen=True, slots=True)
class DeadLetterFill:
    """Bytes on the disks of one replica of each partition, and the bound of the settings."""

    used_bytes: int
    bound_bytes: int

    @property
    def is_worth_a_warning(self) -> bool:
        """True from `WARN_SHARE` of the bound on."""
        return self.used_bytes >= WARN_SHARE * self.bound_bytes


def write_fill(settings: Settings, fill: DeadLetterFill) -> None:
    """Keeps a measurement below `FIRSTCAUSE_HOME`, in one step."""
    path = _path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(orjson.dumps(asdict(fill)))
    temporary.replace(path)


def read_fill(settings: Settings) -> DeadLetterFill | None:
    """The newest measurement; None before the first, or if its file is broken."""
    try:
        fields = orjson.loads(_path(settings).read_bytes())
        return DeadLetterFill(int(fields["used_bytes"]), int(fields["bound_bytes"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _path(settings: Settings) -> Path:
    return settings.checkpoints_dir / "dead_letter_fill.json"
