"""Signs what callers carry and bring back: cursors, sessions, CSRF tokens."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any, Final

MAC_BYTES: Final = 16
LONGEST: Final = 1_000


class Signer:
    """HMAC-SHA-256 over a purpose and a value, so that a cursor is never taken for a session."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def mac(self, purpose: str, text: str) -> str:
        """What proves that we wrote `text`, as 32 hexadecimal digits."""
        return self._digest(purpose, text.encode()).hex()

    def sign(self, purpose: str, value: dict[str, Any]) -> str:
        """The value as one opaque word, safe in an address and a cookie."""
        body = json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
        return base64.urlsafe_b64encode(self._digest(purpose, body) + body).decode().rstrip("=")

    def read(self, purpose: str, word: str) -> dict[str, Any] | None:
        """The value of a word that `sign` made for this purpose; None for any other word."""
        if len(word) > LONGEST or not word.isascii():
            return None
        try:
            raw = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
        except (ValueError, binascii.Error):
            return None
        mac, body = raw[:MAC_BYTES], raw[MAC_BYTES:]
        if not hmac.compare_digest(mac, self._digest(purpose, body)):
            return None
        value = json.loads(body)
        return value if isinstance(value, dict) else None

    def _digest(self, purpose: str, body: bytes) -> bytes:
        keyed = hmac.new(self._secret, purpose.encode() + b"\0" + body, hashlib.sha256)
        return keyed.digest()[:MAC_BYTES]
