"""What only a real deployment shows: its warnings, and which processes may wait for how long."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from launcher.check import PRODUCTION

ROOT = Path(__file__).resolve().parents[2]


def manage(*arguments: str, **env: str) -> str:
    command = [sys.executable, "manage.py", *arguments]
    run_env = os.environ | {"SHOP_ENV_FILE": os.devnull} | env
    done = subprocess.run(command, cwd=ROOT, env=run_env, capture_output=True, text=True)
    return done.stdout + done.stderr


def test_a_deployment_whose_mails_reach_nobody_is_warned() -> None:
    bare = {name: value for name, value in PRODUCTION.items() if "EMAIL" not in name}
    told = manage("check", "--deploy", **bare)
    assert "shop.W001" in told
    assert "SHOP_STAFF_EMAIL is nobody" in told and "DEFAULT_FROM_EMAIL is nobody" in told
    assert "shop.W00" not in manage("check", "--deploy", **PRODUCTION)


@pytest.mark.django_db
def test_limits_of_waiting_bind_the_shop_and_not_commands() -> None:
    show = "from django.db import connection as c; k = c.cursor(); k.execute('SHOW {}'); print('is', k.fetchone()[0])"
    for limit, value in (("lock_timeout", "5s"), ("statement_timeout", "30s")):
        with connection.cursor() as cursor:
            cursor.execute(f"SHOW {limit}")
            assert cursor.fetchone()[0] == value
        assert "is 0\n" in manage("shell", "-v", "0", "-c", show.format(limit))
