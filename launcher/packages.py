"""The virtual environment and the pinned packages in it."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from launcher.processes import execute, tail
from launcher.terminal import Problem, Step

RUN = ("requirements.txt", "requirements-embedded.txt")
TEST = (*RUN, "requirements-dev.txt")


def install(root: Path, files: tuple[str, ...], *, environment: Mapping[str, str], progress: Step) -> Path:
    """A virtual environment at <root>/.venv that holds what the files name; returns its folder. Errors: Problem.

    Skipped when the stamp of an earlier installation matches the files' contents and the interpreter still starts.
    """
    venv = root / ".venv"
    if venv.exists() and not os.access(venv, os.W_OK):
        raise Problem(f"{venv} belongs to another user. Run the command as that user, or remove that folder.")
    venv.mkdir(exist_ok=True)
    with _installing_alone(venv):
        starts = _python_starts(venv)
        if not starts:
            _create(venv)
        stamp = venv / "installed" / files[-1]
        wanted = _fingerprint(root, files)
        if starts and stamp.exists() and stamp.read_text() == wanted:
            progress.remark = "already installed"
            return venv
        _install(root, venv, files, environment, progress)
        stamp.parent.mkdir(exist_ok=True)
        stamp.write_text(wanted)
    return venv


@contextmanager
def _installing_alone(venv: Path) -> Iterator[None]:
    # `bin/run` and `bin/test` may be started at the same moment.
    with (venv / "installing.lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _python_starts(venv: Path) -> bool:
    """False too when the Python it was made from has gone, as after an upgrade of the system."""
    try:
        return subprocess.run([venv / "bin" / "python", "-c", ""], capture_output=True).returncode == 0
    except OSError:
        return False


def _create(venv: Path) -> None:
    for leftover in ("bin", "lib", "lib64", "include", "installed", "pyvenv.cfg"):
        path = venv / leftover
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)
    made = subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], capture_output=True, text=True)
    if made.returncode:
        raise Problem(f"Python could not make a virtual environment:\n\n{made.stdout}{made.stderr}")


def _fingerprint(root: Path, files: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for name in files:
        digest.update((root / name).read_bytes())
    return digest.hexdigest()


def _install(root: Path, venv: Path, files: tuple[str, ...], environment: Mapping[str, str], progress: Step) -> None:
    python = str(venv / "bin" / "python")
    if uv := shutil.which("uv"):
        command = [uv, "pip", "install", "--python", python]
    else:
        _ensure_pip(python)
        command = [python, "-m", "pip", "install", "--progress-bar", "off", "--no-input"]
    # Hashes: nothing but what was locked. Wheels only: no compiler is needed, no package's code runs at installation.
    command += ["--require-hashes", "--only-binary", ":all:"]
    for name in files:
        command += ["-r", name]
    log = venv / "install.log"
    log.unlink(missing_ok=True)
    # In a virtual environment this setting of some machines makes pip refuse.
    pip_environment = {**environment, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    try:
        execute(command, environment=pip_environment, directory=root, log=log, progress=progress)
    except Problem:
        raise Problem(
            f"The packages could not be installed with Python {sys.version.split()[0]}. The end of {log}:\n\n"
            f"{tail(log)}\n\n"
            "Is the network there? Behind a proxy or a mirror, set HTTPS_PROXY or PIP_INDEX_URL."
        ) from None


def _ensure_pip(python: str) -> None:
    if subprocess.run([python, "-c", "import pip"], capture_output=True).returncode == 0:
        return
    made = subprocess.run([python, "-m", "ensurepip", "--default-pip"], capture_output=True, text=True)
    if made.returncode:
        raise Problem(
            "This Python comes without pip (its module ensurepip). Install it, or uv, and start again:\n"
            "Debian, Ubuntu: apt install python3-venv"
        )
