"""Who asks, and what they may: by an API key, by the session of a page, or from loopback."""

from __future__ import annotations

import getpass
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Literal

from fastapi import Request, Response

from api.guard.problems import Problem
from api.guard.signing import Signer
from firstcause.access.keys import ApiKey, KeyFile

# To send is to add alerts; whoever may change incidents by hand may do that too.
Right = Literal["read", "act", "send"]

COOKIE: Final = "firstcause_session"
CSRF_HEADER: Final = "x-csrf-token"
SESSION_SECONDS: Final = 12 * 3_600
_RIGHTS: Final[dict[str, frozenset[Right]]] = {
    "ingest": frozenset({"send"}),
    "read": frozenset({"read"}),
    "act": frozenset({"read", "act", "send"}),
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    Attributes:
        name: of the key or the person, as it is kept with what they do.
        rights: what they may do.
        caller: whose rate limit counts.
        ambient: True when the browser proves it by itself (a cookie, an address): then a change
            needs a CSRF token.
    """

    name: str
    rights: frozenset[Right]
    caller: str
    ambient: bool


Identify = Callable[[Request], Principal | None]


class KeyIdentity:
    """API keys, and sessions that were opened with one; without keys, whoever is on loopback."""

    def __init__(
        self,
        keys: KeyFile,
        signer: Signer,
        *,
        key_required: bool,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._keys = keys
        self._signer = signer
        self._key_required = key_required
        self._now = now

    def of(self, request: Request) -> Principal | None:
        """Who asks; None for nobody we know.

        Raises:
            FirstcauseError: the file of keys cannot be read.
        """
        secret = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        secret = secret or request.headers.get("x-api-key", "")
        if secret:
            key = self._keys.find(secret)
            return None if key is None else _principal(key, ambient=False)
        key = self._session_key(request)
        if key is not None:
            return _principal(key, ambient=True)
        if self._key_required:
            return None
        host = request.client.host if request.client else "loopback"
        return Principal(_login_name(), _RIGHTS["act"], f"address {host}", ambient=True)

    def open_session(self, secret: str) -> str | None:
        """The cookie of a session for who has this key; None when there is no such key."""
        key = self._keys.find(secret)
        if key is None or "read" not in _RIGHTS[key.role]:
            return None
        value = {
            "key": key.name,
            "of": key.sha256[:16],
            "until": int(self._now()) + SESSION_SECONDS,
            "id": secrets.token_hex(8),
        }
        return self._signer.sign("session", value)

    def _session_key(self, request: Request) -> ApiKey | None:
        value = self._signer.read("session", request.cookies.get(COOKIE, ""))
        if value is None or value.get("until", 0) < self._now():
            return None
        for key in self._keys.all_keys():
            if key.name == value["key"] and key.sha256.startswith(value["of"]):
                return key
        return None


def _principal(key: ApiKey, *, ambient: bool) -> Principal:
    return Principal(key.name, _RIGHTS[key.role], f"key {key.name}", ambient)


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "this machine"


class Csrf:
    """Tokens bound to a cookie of the browser: other sites can neither read nor guess them."""

    def __init__(self, signer: Signer, cookie: str = "firstcause_csrf") -> None:
        self._signer = signer
        self._cookie = cookie

    def token(self, request: Request) -> str:
        """The token of this browser; the same as long as its cookie is. See `remember`."""
        seed = request.cookies.get(self._cookie, "")
        if not _is_seed(seed):
            seed = getattr(request.state, "csrf_seed", "") or secrets.token_hex(16)
            request.state.csrf_seed = seed
        return self._signer.mac("csrf", seed)

    def remember(self, request: Request, answer: Response) -> None:
        """Sets the cookie that a token handed out for the first time belongs to."""
        seed = getattr(request.state, "csrf_seed", None)
        if seed is not None:
            answer.set_cookie(
                self._cookie,
                seed,
                httponly=True,
                samesite="strict",
                path=request.scope.get("root_path", "") or "/",
                secure=request.url.scheme == "https",
            )

    def check(self, request: Request, token: str) -> None:
        """Goes on when the token is that of this browser.

        Raises:
            Problem: 403.
        """
        seed = request.cookies.get(self._cookie, "")
        if not _is_seed(seed) or not secrets.compare_digest(
            token.encode(), self._signer.mac("csrf", seed).encode()
        ):
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "This change needs the page's CSRF token, or an API key with the role act: "
                "load the page again.",
            )


def _is_seed(text: str) -> bool:
    return len(text) == 32 and text.isascii() and text.isalnum()  # noqa: PLR2004 - 16 bytes in hex
