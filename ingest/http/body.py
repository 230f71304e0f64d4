"""A request's body, bounded in size, in time, and when it is unpacked."""

from __future__ import annotations

import asyncio
import zlib
from http import HTTPStatus
from typing import Final

from fastapi import Request

BODY_SECONDS: Final = 20.0
_GZIP_WBITS: Final = 31


class RefusedError(Exception):
    """The request is not taken; `status` and the text say why."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The body, unpacked where it is gzipped.

    Raises:
        RefusedError: larger than `max_bytes` (packed or not), slower than `BODY_SECONDS`, empty,
            or of an encoding that is not known.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise RefusedError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"content-encoding {encoding} is not known: gzip is"
        )
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await _received(request, max_bytes)
    except TimeoutError:
        raise RefusedError(
            HTTPStatus.REQUEST_TIMEOUT, f"the body did not come within {BODY_SECONDS:.0f} s"
        ) from None
    if encoding == "gzip":
        body = _unpacked(body, max_bytes)
    if not body:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the body is empty")
    return body


async def _received(request: Request, max_bytes: int) -> bytes:
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > max_bytes:
            raise _too_large(max_bytes)
        parts.append(part)
    return b"".join(parts)


def _unpacked(body: bytes, max_bytes: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=_GZIP_WBITS)
    try:
        unpacked = unpacker.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"the body is not gzip ({error})") from error
    if len(unpacked) > max_bytes:
        raise _too_large(max_bytes)
    if not unpacker.eof:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the gzipped body is cut off")
    return unpacked


def _too_large(max_bytes: int) -> RefusedError:
    return RefusedError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is larger than {max_bytes} bytes"
    )
