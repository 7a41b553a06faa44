"""Real servers in a temporary folder."""

import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.postgres import LONGEST_SOCKET, Postgres, pg_bin_dir, socket_dir
from launcher.processes import Supervisor, identity
from launcher.servers import prepare_data_dir
from launcher.terminal import Problem
from launcher.valkey import Valkey, server_binary

VENV = Path(sys.prefix)


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    prepare_data_dir(tmp_path)
    supervisor = Supervisor(tmp_path / "processes.json")
    yield supervisor
    supervisor.stop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def abandon(supervisor: Supervisor) -> int:
    """As a launcher killed on a system that does not tell children of their parent's death."""
    service = supervisor.services.pop()
    assert service.process
    return service.process.pid


def test_postgres_is_taken_over_from_a_killed_launcher(tmp_path: Path, supervisor: Supervisor) -> None:
    postgres = Postgres(tmp_path, pg_bin_dir(VENV), lossy=True)
    postgres.start(supervisor)
    postgres._query("CREATE TABLE kept AS SELECT 7 AS n")
    first = supervisor.services[-1].process
    old = abandon(supervisor)
    assert first

    postgres.start(supervisor)
    first.wait(5)
    assert identity(old) is None
    assert postgres._query("SELECT n FROM kept") == "7"


def test_a_stale_lock_file_of_postgres_harms_nobody(tmp_path: Path, supervisor: Supervisor) -> None:
    postgres = Postgres(tmp_path, pg_bin_dir(VENV), lossy=True)
    postgres.cluster.mkdir()
    # Our own number: alive, and no PostgreSQL.
    (postgres.cluster / "postmaster.pid").write_text(f"{os.getpid()}\n{postgres.cluster}\n")
    assert postgres.stop_running() is False


def test_data_of_another_version_is_refused(tmp_path: Path, supervisor: Supervisor) -> None:
    postgres = Postgres(tmp_path, pg_bin_dir(VENV))
    postgres.cluster.mkdir()
    os.chown(postgres.cluster, postgres.how.owner, -1)
    (postgres.cluster / "PG_VERSION").write_text("9\n")
    with pytest.raises(Problem, match="made by PostgreSQL 9"):
        postgres.start(supervisor)


def test_valkey_keeps_its_data_over_kill_9(tmp_path: Path, supervisor: Supervisor) -> None:
    valkey = Valkey(tmp_path, server_binary(VENV))
    valkey.start(supervisor)
    process = supervisor.services[-1].process
    assert process
    assert talk(valkey, b"SET kept 7\r\n") == b"+OK\r\n"
    process.kill()
    supervisor.watch(until=lambda: supervisor.services[-1].process not in (None, process) and valkey._is_ready())
    assert talk(valkey, b"GET kept\r\n") == b"$1\r\n7\r\n"


def talk(valkey: Valkey, command: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(valkey.socket))
        connection.sendall(command)
        return connection.recv(64)


def test_a_long_path_gets_a_short_private_socket_folder(tmp_path: Path) -> None:
    deep = tmp_path / ("long name with spaces " * 5)
    deep.mkdir()
    folder = socket_dir(deep, ".s.PGSQL.5432.lock")
    try:
        assert len(os.fsencode(folder / ".s.PGSQL.5432.lock")) <= LONGEST_SOCKET
        assert folder.stat().st_mode & 0o777 == 0o700
        assert socket_dir(deep, ".s.PGSQL.5432.lock") == folder
    finally:
        folder.rmdir()
