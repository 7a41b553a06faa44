"""Gives each process that shares the tests a Redis database and a folder of its own; the database it has anyway.

Loaded by pyproject's `-p`, before anything reads the settings. The Redis databases from 5 on belong to the stacks that
tests start.
"""

import os
from pathlib import Path

from tests.stack import with_redis_database


def separate(worker: str) -> None:
    if url := os.environ.get("REDIS_URL"):
        os.environ["REDIS_URL"] = with_redis_database(url, int(worker.removeprefix("gw")))
    if folder := os.environ.get("SHOP_DATA_DIR"):
        mine = Path(folder) / worker
        (mine / "static").mkdir(parents=True, exist_ok=True)
        os.environ["SHOP_DATA_DIR"] = str(mine)


if name := os.environ.get("PYTEST_XDIST_WORKER"):
    separate(name)
