"""`bin/test`: every test, against real servers of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from launcher.environment import names_in, outer_environment
from launcher.packages import TEST, install
from launcher.processes import (
    Interrupted,
    Supervisor,
    exclusive,
    raise_on_signals,
    signals_held,
    stop_leftovers,
)
from launcher.servers import prepare_data_dir, start_servers
from launcher.terminal import Problem, say, step

ROOT = Path(__file__).resolve().parent.parent
KEPT = {"DATABASE_URL", "REDIS_URL"}
# Two at a time, a file to each: many tests wait for a process, a lock or a clock.
ALL_AT_ONCE = ["-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"]


def main() -> int:
    started = time.monotonic()
    raise_on_signals()
    try:
        with servers_for_tests("bin/test") as (python, environment):
            code = run_in_foreground([python, "-m", "pytest", *(sys.argv[1:] or ALL_AT_ONCE)], environment)
    except Problem as problem:
        say(f"\n{problem}")
        return 1
    except Interrupted:
        say("\nStopped.")
        return 130
    say(f"bin/test took {time.monotonic() - started:.1f} s and ended with exit code {code}.")
    return code


@contextmanager
def servers_for_tests(command: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The interpreter and the environment for tests, with PostgreSQL and Valkey running while the block does."""
    data_dir = ROOT / "var" / "test"
    prepare_data_dir(data_dir)
    # WhiteNoise warns once per test client without it.
    (data_dir / "static").mkdir(exist_ok=True)
    with exclusive(data_dir, command):
        stop_leftovers(data_dir / "processes.json")
        environment = environment_for_tests(data_dir)
        with step("Packages") as progress:
            venv = install(ROOT, TEST, environment=environment, progress=progress)
        supervisor = Supervisor(data_dir / "processes.json")
        try:
            start_servers(supervisor, environment, venv=venv, data_dir=data_dir, lossy=True)
            yield str(venv / "bin" / "python"), environment
        finally:
            supervisor.stop()


def environment_for_tests(data_dir: Path) -> dict[str, str]:
    """The person's environment without their settings of the shop: no test depends on a key they hold."""
    settings = names_in(ROOT / ".env.example") - KEPT
    clean = {name: value for name, value in outer_environment().items() if name not in settings and value}
    return clean | {
        "DEBUG": "false",
        # The processes that share the tests must name them alike, also those called after a set.
        "PYTHONHASHSEED": "0",
        # Staff in tests have a password alone; tests of the rule itself turn it on.
        "SHOP_STAFF_MFA": "false",
        "SECRET_KEY": "only-for-tests",
        "SHOP_DATA_DIR": str(data_dir),
        "SHOP_ENV_FILE": os.devnull,
    }


def run_in_foreground(command: list[str], environment: dict[str, str]) -> int:
    """Runs a command on this terminal, in our process group: Ctrl-C reaches it, and it says itself how far it came."""
    with signals_held():
        child = subprocess.Popen(command, env=environment, cwd=ROOT, preexec_fn=_default_signals)
    try:
        return child.wait()
    except Interrupted:
        child.send_signal(signal.SIGINT)
        child.wait()
        raise


def _default_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    # pytest must find Python's own handler for Ctrl-C, which is only installed where the signal is not ignored.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
