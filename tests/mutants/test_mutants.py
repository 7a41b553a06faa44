"""Does a test notice when the shop is wrong? Each patch here breaks one guard, and names the test that must fail.

    Caught-by: inventory/tests/test_operations.py::test_name

stands in the head of the patch. The shop is copied once, that test is run on it whole, then with the patch.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.stack import ROOT, with_database

PATCHES = sorted(Path(__file__).parent.glob("*.patch"))
DATABASE = "mutants"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("DATABASE_URL" not in os.environ, reason="needs the servers of bin/test"),
]


def catcher(patch: Path) -> str:
    found = re.search(r"^Caught-by: (\S+)$", patch.read_text(), re.MULTILINE)
    assert found, f"{patch.name} names no test"
    return found[1]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of what is under version control, and a database that its tests share."""
    copy = tmp_path_factory.mktemp("mutants") / "shop"
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, tracked.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    yield copy
    server = os.environ["DATABASE_URL"]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "test_{DATABASE}" WITH (FORCE)')


def run(shop: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    url = with_database(os.environ["DATABASE_URL"], DATABASE)
    assert urlsplit(url).path.endswith(DATABASE)
    command = [sys.executable, "-m", "pytest", *tests, "-q", "-x", "--reuse-db", "-p", "no:cacheprovider"]
    return subprocess.run(command, cwd=shop, env=os.environ | {"DATABASE_URL": url}, capture_output=True, text=True)


def apply(shop: Path, patch: Path, *options: str) -> None:
    done = subprocess.run(["git", "apply", *options, str(patch)], cwd=shop, capture_output=True, text=True)
    assert done.returncode == 0, f"{patch.name} is out of date: {done.stderr}"


def test_there_are_ten() -> None:
    assert len(PATCHES) >= 10


def test_the_shop_as_it_is_passes(shop: Path) -> None:
    done = run(shop, *sorted({catcher(patch) for patch in PATCHES}))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.stem)
def test_is_caught(shop: Path, patch: Path) -> None:
    apply(shop, patch)
    try:
        done = run(shop, catcher(patch))
    finally:
        apply(shop, patch, "--reverse")
    assert done.returncode == 1, done.stdout
    assert re.search(r"^FAILED ", done.stdout, re.MULTILINE), done.stdout
