"""A real Redis as a process, with a password, on a port of its own."""

from __future__ import annotations

import ipaddress
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import stamina
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from redis import Redis
from redis.exceptions import RedisError

from firstcause.settings import Settings

PASSWORD = "a pass/word"
QUOTED = "a%20pass%2Fword"
MISSING = "Redis is not there: make redis"


def find_redis() -> Path | None:
    """Redis on the PATH, or what `make redis` unpacked; None without either."""
    unpacked = Settings().jars_dir / "redis" / "usr" / "bin"
    found = shutil.which("redis-server") or shutil.which("redis-server", path=unpacked)
    return None if found is None else Path(found)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class RedisServer:
    """Its data stays between a stop and a start, as far as `save` has stored it."""

    def __init__(self, program: Path, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self._program, self._home = program, home
        self._process: subprocess.Popen | None = None
        self.port, self.tls_port = free_port(), free_port()
        self.certificate = home / "certificate.pem"
        write_certificate(self.certificate, home / "key.pem")

    @property
    def url(self) -> str:
        return f"redis://:{QUOTED}@127.0.0.1:{self.port}/0"

    @property
    def tls_url(self) -> str:
        return f"rediss://:{QUOTED}@127.0.0.1:{self.tls_port}/0?ssl_ca_certs={self.certificate}"

    def client(self) -> Redis:
        return Redis.from_url(self.url)

    def start(self) -> None:
        libraries = self._program.parent.parent / "lib" / "x86_64-linux-gnu"
        self._process = subprocess.Popen(
            [
                self._program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                "--dir", self._home, "--requirepass", PASSWORD,
                "--tls-port", str(self.tls_port), "--tls-auth-clients", "no",
                "--tls-cert-file", self.certificate, "--tls-key-file", self._home / "key.pem",
            ],
            env={**os.environ, "LD_LIBRARY_PATH": str(libraries)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        for attempt in stamina.retry_context(on=RedisError, attempts=None, timeout=30):
            with attempt, self.client() as client:
                client.ping()

    def save(self) -> None:
        with self.client() as client:
            client.save()

    def hang(self) -> None:
        """It takes connections and answers nothing, until `kill`."""
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None


def write_certificate(certificate: Path, key: Path) -> None:
    """A certificate of 127.0.0.1 that signs itself."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


@contextmanager
def running_redis(program: Path, home: Path) -> Iterator[RedisServer]:
    """Starts one, and ends it."""
    server = RedisServer(program, home)
    try:
        server.start()
        yield server
    finally:
        server.kill()
