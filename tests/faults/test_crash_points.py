"""kill -9 at every failpoint: within a minute one order, one charge, one refund, and nothing that may not be."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import points
from tests.faults.buyer import put_on_sale
from tests.faults.crashes import ENVIRONMENT, RECOVERY_SECONDS, SKU, crash_everywhere, problems, recovery_seconds
from tests.stack import Stack, running

needs_servers = pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="needs the servers of bin/test")


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    with running(tmp_path / "shop", redis_database=7, **ENVIRONMENT) as stack:
        put_on_sale(stack, SKU, units=500)
        yield stack


def test_every_point_of_the_code_is_crashed_at() -> None:
    assert set(points.named_in_code()) == set(points.PLACES)


@needs_servers
@pytest.mark.slow
def test_killed_at_every_point(stack: Stack, capsys: pytest.CaptureFixture[str]) -> None:
    started = time.monotonic()
    crashes = crash_everywhere(stack, seed=1)
    recovery, back = recovery_seconds(crashes), max(crash.back_seconds for crash in crashes)
    with capsys.disabled():
        told = f"{len(crashes)} kills in {time.monotonic() - started:.0f} s; back after {back:.1f} s at most;"
        print(f"\n{told} everybody served {recovery:.0f} s after the last")
    assert [crash.point for crash in crashes if crash.hits != 1 or not crash.victims] == []
    assert recovery <= RECOVERY_SECONDS
    assert problems(stack, crashes) == []
