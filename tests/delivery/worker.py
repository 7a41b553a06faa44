"""A worker and its clock as `bin/run` starts them, on the test's own database and broker."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connection

from tests.stack import ROOT, with_database

CELERY = [sys.executable, "-m", "celery", "-A", "config"]


class Worker:
    def __init__(self, folder: Path, **env: str) -> None:
        self.folder = folder
        database = with_database(os.environ["DATABASE_URL"], str(connection.settings_dict["NAME"]))
        self.env = os.environ | {"DATABASE_URL": database, "SHOP_ENV_FILE": os.devnull, "SECRET_KEY": "x" * 50, **env}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        self._run("worker", "worker", "--pool", "threads", "--concurrency", "4", "-l", "info")
        if "beat" not in self.processes:
            self._run("beat", "beat", "--schedule", str(self.folder / "beat-schedule"))

    def _run(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [*CELERY, *arguments], cwd=ROOT, env=self.env, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """As the kernel does when memory runs out: nothing is tidied up."""
        self.processes["worker"].kill()
        assert self.processes["worker"].wait(10) == -signal.SIGKILL

    def log(self) -> str:
        return (self.folder / "worker.log").read_text()[-4000:]

    def stop(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)


@contextmanager
def working(folder: Path, **env: str) -> Iterator[Worker]:
    worker = Worker(folder, **env)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()
