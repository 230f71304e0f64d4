"""Which addresses a request may go to: never into a private network, unless that is allowed."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx

# Translated to IPv4: by anybody, and within a network.
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
_LOCAL_NAT64: Final = ipaddress.ip_network("64:ff9b:1::/48")

Resolve = Callable[[str, int], list[str]]


class RefusedAddressError(Exception):
    """The address is not allowed; a second try will not help."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: an address that was checked, and the host that it is for.

    The address is what is connected to, so that a name which points elsewhere a moment later
    changes nothing.
    """

    url: httpx.URL
    host: str
    host_header: str


def resolved(host: str, port: int) -> list[str]:
    """The addresses of a host; blocks.

    Raises:
        OSError: it has none, or none is known now.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(one[4][0]) for one in found]


def checked_target(url: str, *, allow_private: bool, resolve: Resolve = resolved) -> Target:
    """The address behind a URL; blocks.

    Raises:
        RefusedAddressError: the URL is none of http or https, or an address of its host is not
            public and `allow_private` is false.
        OSError: the host's name can't be resolved now.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise RefusedAddressError(f"no URL: {error}") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise RefusedAddressError("only http and https are allowed")
    found = resolve(host, port or (443 if parts.scheme == "https" else 80))
    if not allow_private:
        for one in found:
            if not _is_public(one):
                raise RefusedAddressError(
                    f"{host} is at {one}, which is no public address: WEBHOOKS_ALLOW_PRIVATE "
                    "allows it"
                )
    if not found:
        raise OSError(f"{host} has no address")
    # Kept as it is written: a user name or a query is a part of the address.
    to = httpx.URL(url).copy_with(host=found[0].partition("%")[0])
    default = {"http": 80, "https": 443}[parts.scheme]
    shown = f"[{host}]" if ":" in host else host
    header = shown if port in {None, default} else f"{shown}:{port}"
    return Target(to, host, header)


def _is_public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast
    inner = _ipv4_inside(ip)
    if ip.ipv4_mapped is None and (not ip.is_global or ip.is_multicast or ip in _LOCAL_NAT64):
        return False
    return all(one.is_global and not one.is_multicast for one in inner)


def _ipv4_inside(ip: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address]:
    """The IPv4 addresses that an IPv6 address may lead to."""
    found = [ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())]
    if ip in _NAT64:
        found.append(ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF))
    return [one for one in found if one is not None]
