"""Schemathesis against the server that `bin/run` starts. `bench/fuzz.py` asks five times as much."""

import os
from pathlib import Path

import pytest

from tests.stack import running

from .fuzzing import fuzz

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="needs the servers of bin/test"),
]


def test_the_server_does_what_its_description_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with running(tmp_path / "shop", redis_database=8, arguments=(), SHOP_TRUSTED_PROXIES="1") as stack:
        report = fuzz(stack, tmp_path, examples=5, seed=20261122, seconds=600)
        assert stack.broken_invariants() == []
    with capsys.disabled():
        print(f"\n{report.cases} cases of {report.operations} operations, answers {dict(report.statuses)}")
    assert report.failures == [], report.output
    assert report.exit_code == 0, report.output
    assert not [status for status in report.statuses if status >= 500]
    assert report.cases >= 2000
