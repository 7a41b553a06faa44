"""`bin/lock`: pins every package, with the hashes of its wheels, from what the .in files ask for."""

import shutil
import subprocess
from pathlib import Path

from launcher.terminal import say

ROOT = Path(__file__).resolve().parent.parent
# In this order: what the shop runs on decides for the others.
FILES = ("requirements", "requirements-embedded", "requirements-dev")
OPTIONS = ("--generate-hashes", "--universal", "--python-version", "3.11", "--no-emit-index-url", "--quiet")
HEADER = "# Made by bin/lock from {name}.in. Do not edit.\n"


def main() -> int:
    uv = shutil.which("uv") or str(ROOT / ".venv" / "bin" / "uv")
    if not Path(uv).exists():
        say("bin/lock needs uv. It comes with the test packages: run bin/test once.")
        return 1
    for name in FILES:
        constraints = [] if name == FILES[0] else ["--constraint", f"{FILES[0]}.txt"]
        file = ROOT / f"{name}.txt"
        command = [
            uv,
            "pip",
            "compile",
            f"{name}.in",
            *constraints,
            *OPTIONS,
            "--no-header",
            "--output-file",
            file.name,
        ]
        if code := subprocess.run(command, cwd=ROOT).returncode:
            return code
        file.write_text(HEADER.format(name=name) + file.read_text())
        say(f"{file.name}: {file.read_text().count('==')} packages")
    return 0
