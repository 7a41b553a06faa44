import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from launcher.processes import Service, Supervisor, exclusive, execute, identity, stop_leftovers, wait_for_end
from launcher.terminal import Problem

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


def service(tmp_path: Path, name: str, command: list[str]) -> Service:
    return Service(name, command, dict(os.environ), tmp_path, tmp_path / f"{name}.log")


def left_over(state_file: Path, *, known: str | None = None) -> "subprocess.Popen[bytes]":
    child = subprocess.Popen(SLEEP, start_new_session=True)
    record = {"name": "web", "pid": child.pid, "identity": known or identity(child.pid), "signal": int(signal.SIGTERM)}
    state_file.write_text(json.dumps([record]))
    return child


def test_leftovers_of_a_killed_launcher_are_stopped(tmp_path: Path) -> None:
    state_file = tmp_path / "processes.json"
    child = left_over(state_file)
    assert stop_leftovers(state_file) == ["web"]
    assert child.wait(5) == -signal.SIGTERM
    assert not state_file.exists()


def test_a_process_that_only_has_the_same_number_is_left_alone(tmp_path: Path) -> None:
    state_file = tmp_path / "processes.json"
    child = left_over(state_file, known="another boot 1")
    try:
        assert stop_leftovers(state_file) == []
        assert child.poll() is None
    finally:
        child.kill()
        child.wait()


def test_a_dead_service_is_started_again_with_its_group_cleared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    worker = tmp_path / "worker"
    code = (
        f"import subprocess, sys, time; c = subprocess.Popen({SLEEP!r}); open({str(worker)!r}, 'w').write(str(c.pid))"
    )
    supervisor = Supervisor(tmp_path / "processes.json")
    web = service(tmp_path, "web", [sys.executable, "-c", f"{code}; time.sleep(60)"])
    try:
        supervisor.start(web)
        supervisor.watch(until=lambda: worker.exists() and worker.read_text() != "", seconds=10)
        first, orphan = web.process, int(worker.read_text())
        known = identity(orphan)
        assert first and known
        first.kill()
        supervisor.watch(until=lambda: web.process not in (None, first), seconds=10)
        assert wait_for_end(orphan, known, 5)
    finally:
        supervisor.stop()
        restore_signals()
    assert "web ended with exit code -9; starting it again in 1 s" in capsys.readouterr().out
    assert web.process is None
    assert not (tmp_path / "processes.json").exists()


def test_three_deaths_at_start_give_up_with_the_log(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path / "processes.json")
    try:
        supervisor.start(service(tmp_path, "web", [sys.executable, "-c", "print('no such module'); exit(3)"]))
        with pytest.raises(Problem, match=r"(?s)3 times.*exit code 3.*no such module"):
            supervisor.watch(until=lambda: False)
    finally:
        supervisor.stop()
        restore_signals()


def test_a_stubborn_service_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = tmp_path / "ready"
    code = "import signal, time; signal.signal(15, signal.SIG_IGN)"
    supervisor = Supervisor(tmp_path / "processes.json")
    supervisor.start(
        service(tmp_path, "web", [sys.executable, "-c", f"{code}; open({str(ready)!r}, 'w'); time.sleep(60)"])
    )
    supervisor.watch(until=ready.exists, seconds=10)
    monkeypatch.setattr("launcher.processes.STOP_SECONDS", 0.3)
    started = time.monotonic()
    supervisor.stop()
    restore_signals()
    assert time.monotonic() - started < 3


def test_a_failing_command_shows_the_end_of_its_output(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('the reason'); exit(1)"]
    with pytest.raises(Problem, match=r"(?s)exit code 1.*the reason"):
        execute(command, environment=os.environ, directory=tmp_path, log=tmp_path / "log")


def test_a_second_launcher_is_told_of_the_first(tmp_path: Path) -> None:
    told = pytest.raises(Problem, match=rf"bin/run \(process {os.getpid()}\)")
    with exclusive(tmp_path, "bin/run"), told, exclusive(tmp_path, "bin/run"):
        pass
    with exclusive(tmp_path, "bin/run"):
        pass


def restore_signals() -> None:
    """`Supervisor.stop` ignores them for the rest of the launcher's life, which here is pytest's."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
