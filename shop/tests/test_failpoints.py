"""Points at which a test lets the shop die: they strike as often as asked, and in no shop that takes money."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import OperationalError, connection

from launcher.check import PRODUCTION
from shop import failpoints

ROOT = Path(__file__).resolve().parents[2]
ASK = "from django.conf import settings; print('armed in', settings.FAILPOINTS)"
REACH = "from shop.failpoints import reach; reach('a.point'); print('went on')"


def shell(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", code]
    run_env = os.environ | {"SHOP_ENV_FILE": os.devnull} | env
    return subprocess.run(command, cwd=ROOT, env=run_env, capture_output=True, text=True)


@pytest.fixture
def armed(settings: Any, tmp_path: Path) -> Path:
    settings.FAILPOINTS = tmp_path
    return tmp_path


def test_unarmed_it_does_nothing(armed: Path, settings: Any) -> None:
    failpoints.reach("a.point")
    settings.FAILPOINTS = None
    failpoints.reach("a.point")


def test_it_strikes_as_often_as_asked(armed: Path) -> None:
    failpoints.arm(armed, "a.point", "raise", times=2)
    for _ in range(2):
        with pytest.raises(failpoints.Struck):
            failpoints.reach("a.point")
    failpoints.reach("a.point")
    failpoints.reach("another.point")
    assert failpoints.hits(armed, "a.point") == 2
    failpoints.disarm(armed, "a.point")
    assert failpoints.hits(armed, "a.point") == 0


def test_of_many_at_once_one_is_struck(armed: Path) -> None:
    failpoints.arm(armed, "a.point", "raise")

    def pass_by(_: int) -> bool:
        try:
            failpoints.reach("a.point")
        except failpoints.Struck:
            return True
        return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(pass_by, range(64))) == 1


def test_it_waits(armed: Path) -> None:
    failpoints.arm(armed, "a.point", "sleep", milliseconds=60)
    started = time.monotonic()
    failpoints.reach("a.point")
    assert time.monotonic() - started >= 0.06


@pytest.mark.django_db(transaction=True)
def test_it_loses_the_database(armed: Path) -> None:
    failpoints.arm(armed, "a.point", "drop")
    failpoints.reach("a.point")
    with pytest.raises(OperationalError), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def test_the_count_outlives_the_process(tmp_path: Path) -> None:
    env = {"SHOP_ALLOW_FAILPOINTS": "true", "SHOP_DATA_DIR": str(tmp_path), "DEBUG": "true"}
    failpoints.arm(tmp_path / "failpoints", "a.point", "kill9")
    assert shell(REACH, **env).returncode == -9
    assert failpoints.hits(tmp_path / "failpoints", "a.point") == 1
    assert shell(REACH, **env).stdout == "went on\n"


@pytest.mark.parametrize(
    "env",
    [
        {"SHOP_BASE_URL": "https://shop.example"},
        {"SHOP_BASE_URL": "http://127.0.0.1:8000", "STRIPE_SECRET_KEY": "sk_live_x"},
        {**PRODUCTION, "DEBUG": "true"},
    ],
)
def test_a_shop_that_takes_money_has_none(tmp_path: Path, env: dict[str, str]) -> None:
    env = {"SHOP_ALLOW_FAILPOINTS": "true", "SHOP_DATA_DIR": str(tmp_path), **env}
    told = shell(ASK, **env)
    assert "armed in None" in told.stdout or "shop.E008" in told.stderr
    check = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=os.environ | {"SHOP_ENV_FILE": os.devnull} | env,
        capture_output=True,
        text=True,
    )
    assert check.returncode and "shop.E008" in check.stderr


def test_they_are_off_by_default(settings: Any) -> None:
    assert settings.FAILPOINTS is None
    assert "shop.E008" not in {message.id for message in run_checks()}


def test_an_unknown_action_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError):
        failpoints.arm(tmp_path, "a.point", "explode")  # type: ignore[arg-type]
