"""A worker that stands still is told of, by the probe of the running shop, and so is its return."""

import json
import os
import signal

import pytest

from shop import health
from tests.stack import Stack, eventually


def worker_lives(shop: Stack) -> bool:
    answer = shop.call("GET", "/readyz")
    assert answer.status == 200 and answer.json["ready"], "pages still sell"
    return bool(answer.json["checks"]["worker"])


def processes(shop: Stack, name: str) -> list[int]:
    entries = json.loads((shop.data_dir / "processes.json").read_text())
    return [entry["pid"] for entry in entries if entry["name"] == name]


@pytest.mark.slow
def test_a_worker_that_stands_still(shop: Stack) -> None:
    eventually(lambda: worker_lives(shop), seconds=60, what="the worker's first sign")
    (pid,) = processes(shop, "worker")
    os.kill(pid, signal.SIGSTOP)
    try:
        eventually(lambda: not worker_lives(shop), seconds=health.HEARTBEAT_SECONDS + 20, what="its silence to be seen")
    finally:
        os.kill(pid, signal.SIGCONT)
    eventually(lambda: worker_lives(shop), seconds=60, what="its return")
