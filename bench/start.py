"""How long until the first page, and how much memory: `bench/start.py [--settle SECONDS]`.

A fresh clone is started four times; the median of the later three counts as the second start. Times run from the
command to the first 200 of the home page; memory is the sum of the proportional set sizes of every process of the idle
shop. Writes bench/results/start.json and prints it.
"""

import argparse
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "bench" / "results" / "start.json"
# Started as a file, Python looks beside it alone.
sys.path[0] = str(ROOT)

from bench.circumstances import circumstances  # noqa: E402

LATER_STARTS = 3
GOALS = {"first_page_seconds": 180, "second_start_seconds": 10, "idle_pss_mb": 600}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settle", type=int, default=60, help="seconds between start and memory reading (%(default)s)")
    settle = parser.parse_args().settle
    with tempfile.TemporaryDirectory(prefix="bench start ", ignore_cleanup_errors=True) as folder:
        result = measure(Path(folder) / "shop", settle)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    return 1 if result["errors"] else 0


def measure(clone: Path, settle: int) -> dict[str, Any]:
    port = free_port()
    samples: dict[str, Any] = {"load_average_before": round(os.getloadavg()[0], 1)}
    errors: list[str] = []
    started = time.monotonic()
    say("cloning")
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    # From the clone: somebody may commit to this checkout while the benchmark runs.
    commit = git(clone, "rev-parse", "HEAD")
    try:
        say("first start (installs the packages)")
        shop = start(clone, port)
        samples["first_page_seconds"] = round(time.monotonic() - started, 1)
        stop(shop)
        samples["later_starts_seconds"] = []
        for number in range(LATER_STARTS):
            say(f"start {number + 2}")
            started = time.monotonic()
            shop = start(clone, port)
            samples["later_starts_seconds"].append(round(time.monotonic() - started, 1))
            if number + 1 < LATER_STARTS:
                stop(shop)
        samples["second_start_seconds"] = statistics.median(samples["later_starts_seconds"])
        say(f"idle for {settle} s")
        time.sleep(settle)
        samples["idle_pss_by_process_mb"] = memory(clone)
        samples["idle_pss_mb"] = round(sum(samples["idle_pss_by_process_mb"].values()), 1)
        started = time.monotonic()
        stop(shop)
        samples["stop_seconds"] = round(time.monotonic() - started, 1)
    except RuntimeError as error:
        errors.append(str(error))
    missed = [name for name, goal in GOALS.items() if samples.get(name, goal) >= goal]
    return {
        "command": "bench/start.py " + " ".join(sys.argv[1:]),
        **circumstances(),
        "commit": commit,
        "samples": samples,
        "goals": GOALS,
        "goals_missed": missed,
        "errors": errors,
    }


def say(text: str) -> None:
    print(f"{text} ...", file=sys.stderr, flush=True)


def start(clone: Path, port: int) -> "subprocess.Popen[bytes]":
    log = clone.parent / "run.log"
    with log.open("wb") as output:
        shop = subprocess.Popen([clone / "bin" / "run", "--port", str(port)], stdout=output, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline and shop.poll() is None:
        if "The shop is ready" in log.read_text() and answers(f"http://127.0.0.1:{port}/"):
            return shop
        time.sleep(0.1)
    stop(shop)
    raise RuntimeError(log.read_text()[-3000:])


def answers(url: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as page:
            return bool(page.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def stop(shop: "subprocess.Popen[bytes]") -> None:
    if shop.poll() is None:
        shop.send_signal(signal.SIGINT)
        shop.wait(60)


def memory(clone: Path) -> dict[str, float]:
    """Megabytes by process: its number and name, for all that descend from the supervised ones and the launcher."""
    children = {child["pid"]: child["name"] for child in json.loads((clone / "var" / "processes.json").read_text())}
    parents = {pid: parent for pid in pids() if (parent := parent_of(pid)) is not None}
    launcher = next(parents[pid] for pid in children)
    found = {f"launcher {launcher}": pss(launcher)}
    for pid in parents:
        name = next((children[each] for each in line_of(pid, parents) if each in children), None)
        if name:
            found[f"{name} {pid}"] = pss(pid)
    return found


def pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").glob("[0-9]*")]


def parent_of(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def line_of(pid: int, parents: dict[int, int]) -> list[int]:
    line = [pid]
    while parents.get(line[-1], 0) > 1:
        line.append(parents[line[-1]])
    return line


def pss(pid: int) -> float:
    try:
        match = re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    except OSError:
        return 0.0
    return round(int(match[1]) / 1024, 1) if match else 0.0


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
