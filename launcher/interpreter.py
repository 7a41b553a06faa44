"""Find a Python that is new enough. Must itself run on any Python 3, so: no annotations, no new syntax."""

import os
import shutil
import subprocess
import sys

MINIMUM = (3, 11)
CANDIDATES = ("python3.13", "python3.12", "python3.11", "python3.14", "python3")


def require_python():
    """Returns on a Python >= 3.11; otherwise the same command with a newer one from PATH, or a plain refusal."""
    if sys.platform == "win32":
        sys.exit(
            "This shop runs on Linux and macOS. On Windows, use WSL2: https://learn.microsoft.com/windows/wsl/install"
        )
    if sys.version_info >= MINIMUM:
        return
    for name in CANDIDATES:
        path = shutil.which(name)
        if path and _is_new_enough(path):
            os.execv(path, [path] + sys.argv)
    sys.exit(
        "Python %d.%d or newer is needed; this is %d.%d and no newer one is on PATH.\n"
        "Debian, Ubuntu: apt install python3.11 python3.11-venv    macOS: brew install python@3.13"
        % (MINIMUM + sys.version_info[:2])
    )


def _is_new_enough(path):
    # Run it: a shim on PATH may exist and still refuse to start.
    code = "import sys; sys.exit(sys.version_info < %r)" % (MINIMUM,)
    try:
        return subprocess.call([path, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False
