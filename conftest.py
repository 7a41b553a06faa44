"""On CI a test that did not run is a failure, unless tests/allowed_skips.txt says why it may be skipped."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest

if worker := os.environ.get("PYTEST_XDIST_WORKER"):
    # Each worker has a database of its own; carts, sessions, buckets and files must not be shared either. Settings
    # read these, and nothing has read the settings yet. The numbers from 4 on belong to the stacks that tests start.
    number = int(worker.removeprefix("gw"))
    if url := os.environ.get("REDIS_URL"):
        unix = url.startswith("unix://")
        os.environ["REDIS_URL"] = (
            f"{url.partition('?')[0]}?db={number}" if unix else urlsplit(url)._replace(path=f"/{number}").geturl()
        )
    if folder := os.environ.get("SHOP_DATA_DIR"):
        mine = Path(folder) / worker
        (mine / "static").mkdir(parents=True, exist_ok=True)
        os.environ["SHOP_DATA_DIR"] = str(mine)

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
