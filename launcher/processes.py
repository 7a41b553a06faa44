"""Start, watch and stop the shop's processes, so that none outlives the launcher and none dies unseen."""

import ctypes
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from launcher.terminal import Problem, Step, say

PR_SET_PDEATHSIG = 1
ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
STOP_SECONDS = 6.0
# Who has lived this long had started well: its death is news, and not the next of a row.
STEADY_SECONDS = 10.0
DEATHS_AT_START = 3
# PostgreSQL too is started again so: a shop must not stay away for longer than its buyers wait.
LONGEST_PAUSE = 8
TROUBLE = re.compile(r"\b(ERROR|CRITICAL|FATAL|PANIC)\b|^Traceback ")
LINES_SHOWN = 8


class Interrupted(BaseException):
    """Ctrl-C or a polite kill; a BaseException so that no `except Exception` on the way out swallows it."""


def raise_on_signals() -> None:
    """From here on SIGINT, SIGTERM and SIGHUP raise `Interrupted`, once."""

    def interrupt(number: int, _frame: object) -> None:
        ignore_signals()
        raise Interrupted(number)

    for number in ENDING_SIGNALS:
        signal.signal(number, interrupt)


def ignore_signals() -> None:
    """While things are being stopped: a second Ctrl-C must not leave half of them running."""
    for number in ENDING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def signals_held() -> Iterator[None]:
    """A signal between a fork and the assignment of its result would lose sight of the child."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def identity(pid: int) -> str | None:
    """What tells this process from a later one with the same number; None when there is no such process."""
    try:
        if sys.platform == "linux":
            # The name in parentheses may hold spaces, so count the fields after it: 22nd is the start time.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            if fields[0] == "Z":
                return None
            return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {fields[19]}"
        listed = subprocess.run(["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True)
        state, _, started = listed.stdout.strip().partition(" ")
        return None if not state or state.startswith("Z") else started.strip()
    except (FileNotFoundError, ProcessLookupError):
        return None


def command_line(pid: int) -> str:
    try:
        if sys.platform == "linux":
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        return subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True).stdout
    except (FileNotFoundError, ProcessLookupError):
        return ""


def spawn(
    command: list[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    output: IO[bytes],
    stop_signal: int = signal.SIGTERM,
    before_exec: Callable[[], None] | None = None,
) -> "subprocess.Popen[bytes]":
    """A child in a session of its own, so that Ctrl-C reaches only the launcher and the whole group can be stopped.

    On Linux the kernel sends it `stop_signal` when the launcher dies, even by kill -9.
    """
    launcher = os.getpid()
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def prepare() -> None:
        for number in ENDING_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        if before_exec:
            before_exec()
        if libc:
            # After before_exec: the kernel forgets this setting when a process changes its user.
            libc.prctl(PR_SET_PDEATHSIG, stop_signal, 0, 0, 0)
            if os.getppid() != launcher:
                os._exit(1)

    return subprocess.Popen(
        command,
        env=dict(environment),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=prepare,
    )


def signal_group(pid: int, number: int) -> None:
    # PermissionError: macOS, for a group of zombies.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def tail(log: Path, lines: int = 15) -> str:
    if not log.exists():
        return ""
    with log.open("rb") as handle:
        handle.seek(max(0, log.stat().st_size - 16_384))
        return "\n".join(handle.read().decode(errors="replace").splitlines()[-lines:])


def execute(
    command: list[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    log: Path,
    progress: Step | None = None,
    before_exec: Callable[[], None] | None = None,
) -> None:
    """Runs one command to its end, its output appended to `log`. Errors: Problem with the end of that output."""
    log.parent.mkdir(parents=True, exist_ok=True)
    child = None
    with log.open("ab") as output:
        try:
            with signals_held():
                child = spawn(
                    command, environment=environment, directory=directory, output=output, before_exec=before_exec
                )
            while child.poll() is None:
                time.sleep(0.05)
                if progress:
                    progress.show_progress(tail(log, 1))
        finally:
            if child:
                signal_group(child.pid, signal.SIGKILL)
                child.wait()
    if child.returncode:
        shown = " ".join(command)
        raise Problem(f"{shown}\nended with exit code {child.returncode}. The end of {log}:\n\n{tail(log)}")


@dataclass
class Service:
    """One supervised process. `stop_signal` asks it to finish; some seconds later its whole group is killed."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    directory: Path
    log: Path
    stop_signal: int = signal.SIGTERM
    before_exec: Callable[[], None] | None = None
    trouble: re.Pattern[str] = TROUBLE
    is_server: bool = False

    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)
    deaths: int = field(default=0, init=False)
    started_at: float = field(default=0.0, init=False)
    retry_at: float = field(default=0.0, init=False)
    log_position: int = field(default=0, init=False)

    def rotate_log(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            self.log.replace(self.log.with_name(self.log.name + ".1"))

    def start(self) -> None:
        with self.log.open("ab") as output, signals_held():
            self.process = spawn(
                self.command,
                environment=self.environment,
                directory=self.directory,
                output=output,
                stop_signal=self.stop_signal,
                before_exec=self.before_exec,
            )
        self.started_at = time.monotonic()

    def new_trouble(self) -> list[str]:
        """Lines logged since the last call that a person should see."""
        try:
            with self.log.open("rb") as handle:
                handle.seek(self.log_position)
                text = handle.read()
        except FileNotFoundError:
            return []
        complete = text[: text.rfind(b"\n") + 1]
        self.log_position += len(complete)
        return [line for line in complete.decode(errors="replace").splitlines() if self.trouble.search(line)]


class Supervisor:
    """Holds the services in their starting order; stops them in the opposite one.

    `state_file` names every child while it lives, so that the next start can stop what a killed launcher left behind.
    """

    def __init__(self, state_file: Path) -> None:
        self.state_file = state_file
        self.services: list[Service] = []

    def start(self, service: Service) -> None:
        service.rotate_log()
        self.services.append(service)
        self._launch(service)

    def watch(self, *, until: Callable[[], bool] | None = None, seconds: float = 60.0) -> None:
        """Restarts what dies and shows what goes wrong; for ever, or until the condition holds.

        Errors: with `until`, Problem when it does not hold in time or when a service dies three times.
        """
        deadline = time.monotonic() + seconds
        while until is None or not until():
            for service in self.services:
                self._tend(service, starting=until is not None)
            if until and time.monotonic() > deadline:
                last = self.services[-1]
                end = tail(last.log)
                raise Problem(f"{last.name} was not ready after {seconds:.0f} s. The end of {last.log}:\n\n{end}")
            time.sleep(0.05 if until else 0.25)

    def stop(self) -> None:
        """Stops every service: first those that use the servers, together, then the servers, PostgreSQL last."""
        ignore_signals()
        self._stop_together([s for s in self.services if not s.is_server])
        for service in reversed([s for s in self.services if s.is_server]):
            self._stop_together([service])
        self.state_file.unlink(missing_ok=True)

    def _launch(self, service: Service) -> None:
        service.start()
        self._write_state()

    def _tend(self, service: Service, *, starting: bool) -> None:
        self._show_trouble(service)
        now = time.monotonic()
        if service.process is None:
            if now >= service.retry_at:
                self._launch(service)
            return
        code = service.process.poll()
        if code is None:
            return
        # A dead parent's workers would go on serving old code on the same port.
        signal_group(service.process.pid, signal.SIGKILL)
        service.process = None
        service.deaths = 1 if now - service.started_at > STEADY_SECONDS else service.deaths + 1
        if starting and service.deaths >= DEATHS_AT_START:
            raise Problem(
                f"{service.name} ended {service.deaths} times while starting (exit code {code}). "
                f"The end of {service.log}:\n\n{tail(service.log)}"
            )
        pause = min(2 ** (service.deaths - 1), LONGEST_PAUSE)
        service.retry_at = now + pause
        say(f"  {service.name} ended with exit code {code}; starting it again in {pause} s. Log: {service.log}")

    def _show_trouble(self, service: Service) -> None:
        lines = service.new_trouble()
        for line in lines[:LINES_SHOWN]:
            say(f"  {service.name}: {line[:300]}")
        if len(lines) > LINES_SHOWN:
            say(f"  {service.name}: and {len(lines) - LINES_SHOWN} more lines like these in {service.log}")

    def _stop_together(self, services: list[Service]) -> None:
        running = [s.process for s in services if s.process is not None]
        for service in services:
            if service.process is not None and service.process.poll() is None:
                service.process.send_signal(service.stop_signal)
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline and any(process.poll() is None for process in running):
            time.sleep(0.05)
        for process in running:
            signal_group(process.pid, signal.SIGKILL)
            process.wait()
        for service in services:
            service.process = None

    def _write_state(self) -> None:
        children = [
            {"name": s.name, "pid": s.process.pid, "identity": identity(s.process.pid), "signal": int(s.stop_signal)}
            for s in self.services
            if s.process is not None
        ]
        draft = self.state_file.with_suffix(".new")
        draft.write_text(json.dumps(children, indent=1))
        draft.replace(self.state_file)


def stop_leftovers(state_file: Path) -> list[str]:
    """Stops the children of a launcher that was killed, the last started first; returns their names.

    A process is touched only when its number and its start time are those written down: numbers are used again.
    """
    try:
        children = json.loads(state_file.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return []
    ours = [child for child in reversed(children) if child["identity"] and identity(child["pid"]) == child["identity"]]
    for child in ours:
        signal_group(child["pid"], child["signal"])
        wait_for_end(child["pid"], child["identity"])
        signal_group(child["pid"], signal.SIGKILL)
        wait_for_end(child["pid"], child["identity"])
    state_file.unlink(missing_ok=True)
    return [child["name"] for child in ours]


def wait_for_end(pid: int, known: str, seconds: float = STOP_SECONDS) -> bool:
    deadline = time.monotonic() + seconds
    while identity(pid) == known:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@contextmanager
def exclusive(data_dir: Path, command: str) -> Iterator[None]:
    """Only one launcher per data folder. The kernel frees the lock even after kill -9. Errors: Problem."""
    path = data_dir / "launcher.lock"
    with path.open("a+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            raise Problem(
                f"{handle.read().strip() or 'Another command'} is already using {data_dir}.\n"
                f"Stop it first, or use another folder: {command} --data-dir DIR"
            ) from None
        handle.truncate(0)
        handle.write(f"{command} (process {os.getpid()})\n")
        handle.flush()
        yield
        handle.truncate(0)
