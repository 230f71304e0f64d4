"""Makes, stores (hashed, in a file) and checks API keys; checks take constant time.

A key is 32 random bytes, so one round of SHA-256 is enough: there is nothing to guess
(NIST SP 800-63B, 5.1.2.2, asks for a slow hash of secrets that people choose).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, get_args

from firstcause.errors import FirstcauseError

Role = Literal["ingest", "read", "act"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
PREFIX: Final = "fck_"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A stored key: its name, its role, and the hash of its secret."""

    name: str
    role: Role
    sha256: str
    created_at: str


class KeyFile:
    """The keys of an installation, in one file that only its owner can read.

    Every change writes the file anew and replaces it in one step, so a reader never sees half of
    it. The file is read again when it has changed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read_at: tuple[int, int] | None = None
        self._keys: dict[str, ApiKey] = {}

    def all_keys(self) -> list[ApiKey]:
        """All keys by name.

        Raises:
            FirstcauseError: the file cannot be read, or is not ours.
        """
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            self._read_at, self._keys = None, {}
            return []
        if self._read_at != (stat.st_mtime_ns, stat.st_ino):
            try:
                stored = json.loads(self.path.read_text("utf-8"))
                self._keys = {entry["name"]: ApiKey(**entry) for entry in stored}
            except (OSError, ValueError, TypeError, KeyError) as error:
                raise FirstcauseError(
                    f"{self.path}: the API keys cannot be read ({error})"
                ) from error
            self._read_at = (stat.st_mtime_ns, stat.st_ino)
        return sorted(self._keys.values(), key=lambda key: key.name)

    def add(self, name: str, role: Role) -> str:
        """Makes a key and returns its secret, which is stored nowhere.

        Raises:
            FirstcauseError: there is a key of this name.
        """
        known = self.all_keys()
        if any(key.name == name for key in known):
            raise FirstcauseError(f"There is a key named {name}: revoke it first.")
        secret = PREFIX + secrets.token_urlsafe(32)
        created_at = datetime.now(UTC).isoformat(timespec="seconds")
        self._write([*known, ApiKey(name, role, _digest(secret), created_at)])
        return secret

    def revoke(self, name: str) -> None:
        """Removes a key; whoever shows it is refused from now on.

        Raises:
            FirstcauseError: there is none of this name.
        """
        known = self.all_keys()
        left = [key for key in known if key.name != name]
        if len(left) == len(known):
            raise FirstcauseError(f"There is no key named {name}.")
        self._write(left)

    def find(self, secret: str) -> ApiKey | None:
        """The key with this secret; None when there is none."""
        digest = _digest(secret)
        found = None
        for key in self.all_keys():
            if hmac.compare_digest(key.sha256, digest):
                found = key
        return found

    def _write(self, keys: list[ApiKey]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump([asdict(key) for key in keys], file, indent=2)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
