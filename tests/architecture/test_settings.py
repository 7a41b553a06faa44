"""`.env.example` is the only list of settings people read: it must name what config/settings.py reads, and no more."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Read by the launcher and by the demo data, not by Django's settings.
ELSEWHERE = {"PORT", "SHOP_DEMO_PASSWORD"}
# Says where the file is, so it cannot stand in it.
NOT_IN_FILE = {"SHOP_ENV_FILE"}


def variables_read() -> set[str]:
    tree = ast.parse((ROOT / "config" / "settings.py").read_text())
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args)
    return {
        str(call.args[0].value)
        for call in calls
        if ast.unparse(call.func).split(".")[0] == "env"
        and isinstance(call.args[0], ast.Constant)
        and re.fullmatch(r"[A-Z][A-Z0-9_]+", str(call.args[0].value))
    }


def variables_documented() -> set[str]:
    lines = (ROOT / ".env.example").read_text().splitlines()
    return {match[1] for line in lines if (match := re.match(r"#? ?([A-Z][A-Z0-9_]+)=", line))}


def test_the_reader_sees_the_variables() -> None:
    assert {"DATABASE_URL", "SECRET_KEY"} <= variables_read()


def test_every_variable_is_documented_and_read() -> None:
    assert variables_documented() - ELSEWHERE == variables_read() - NOT_IN_FILE
