"""`bin/manage`: Django's commands on the shop that `bin/run` has running, with the same servers and secrets."""

import json
import os
import sys
from pathlib import Path

from launcher.environment import outer_environment, personal_environment
from launcher.terminal import Problem, say

ROOT = Path(__file__).resolve().parent.parent
FILE = "environment.json"


def remember(data_dir: Path, environment: dict[str, str]) -> None:
    """Keeps what `bin/run` added to the environment, for its owner alone: it holds addresses with passwords."""
    outer = outer_environment()
    added = {name: value for name, value in environment.items() if outer.get(name) != value}
    descriptor = os.open(data_dir / FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        json.dump(added, handle)


def forget(data_dir: Path) -> None:
    (data_dir / FILE).unlink(missing_ok=True)


def main() -> int:
    try:
        environment = outer_environment() | _remembered()
    except Problem as problem:
        say(str(problem))
        return 1
    python = str(ROOT / ".venv" / "bin" / "python")
    os.execve(python, [python, str(ROOT / "manage.py"), *sys.argv[1:]], environment)


def _remembered() -> dict[str, str]:
    data_dir = Path(personal_environment(ROOT).get("SHOP_DATA_DIR", str(ROOT / "var")))
    file = data_dir / FILE
    if not file.exists():
        raise Problem(f"The shop of {data_dir} isn't running. Start it in another terminal: bin/run")
    added: dict[str, str] = json.loads(file.read_text())
    return added
