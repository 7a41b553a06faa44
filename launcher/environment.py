"""The variables the shop's processes see: the person's, the .env file's, and what the launcher adds."""

import os
import re
import secrets
from pathlib import Path

from launcher.terminal import Problem

ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$")

# These would make the virtual environment import somebody else's packages.
FOREIGN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "DJANGO_SETTINGS_MODULE")


def parse_dotenv(text: str) -> dict[str, str]:
    """NAME=value lines; `export`, quotes, comments and empty lines are understood. Errors: Problem naming the line."""
    values = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = ASSIGNMENT.match(line)
        if not match:
            raise Problem(f".env, line {number}: expected NAME=value, found {line.strip()[:60]!r}")
        name, value = match.groups()
        if value[:1] in ("'", '"'):
            end = value.find(value[0], 1)
            if end < 0:
                raise Problem(f".env, line {number}: the quote is not closed")
            values[name] = value[1:end]
        else:
            values[name] = re.split(r"(?:^|\s)#", value, maxsplit=1)[0].rstrip()
    return values


def names_in(example: Path) -> set[str]:
    """Every variable that `.env.example` documents, given or commented out."""
    lines = (line.lstrip("# ") for line in example.read_text().splitlines() if "=" in line)
    return {match[1] for line in lines if (match := ASSIGNMENT.match(line)) and match[1].isupper()}


def outer_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in FOREIGN}


def personal_environment(root: Path) -> dict[str, str]:
    """The `.env` file under the real environment, which wins. An empty value counts as unset."""
    file = root / ".env"
    values = parse_dotenv(file.read_text()) if file.exists() else {}
    merged = values | outer_environment()
    return {name: value for name, value in merged.items() if value}


def kept_secret(data_dir: Path, name: str, *, length: int = 48) -> str:
    """A random secret of `length` bytes, made once and kept in the data folder, readable by its owner only."""
    folder = data_dir / "secrets"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / name
    if file.exists() and (kept := file.read_text().strip()):
        return kept
    return keep_secret(data_dir, name, secrets.token_urlsafe(length))


def keep_secret(data_dir: Path, name: str, value: str) -> str:
    file = data_dir / "secrets" / name
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(value + "\n")
    return value
