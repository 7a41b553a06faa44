"""On CI a test that did not run is a failure, unless tests/allowed_skips.txt says why it may be skipped."""

import os
from pathlib import Path

import pytest

pytest_plugins = ["tests.fixtures"]

ALLOWED = Path(__file__).parent / "tests" / "allowed_skips.txt"


def allowed_skips() -> list[str]:
    lines = ALLOWED.read_text().splitlines() if ALLOWED.exists() else []
    return [line.split("|")[0].strip() for line in lines if line.strip() and not line.startswith("#")]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    outcome = yield
    report: pytest.TestReport = outcome.get_result()
    # An expected failure also reports "skipped", but it did run.
    if not os.environ.get("CI") or report.outcome != "skipped" or hasattr(report, "wasxfail"):
        return
    if any(allowed in item.nodeid for allowed in allowed_skips()):
        return
    report.outcome = "failed"
    report.longrepr = f"Skipped on CI, and not in {ALLOWED.name}: {item.nodeid}\n{report.longrepr}"


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: pytest.Collector):
    # A whole module skipped by importorskip or pytest.skip(allow_module_level=True) never reaches the hook above.
    outcome = yield
    report: pytest.CollectReport = outcome.get_result()
    if not os.environ.get("CI") or report.outcome != "skipped":
        return
    if not any(allowed in collector.nodeid for allowed in allowed_skips()):
        report.outcome = "failed"
        report.longrepr = f"Skipped on CI, and not in {ALLOWED.name}: {collector.nodeid}\n{report.longrepr}"
