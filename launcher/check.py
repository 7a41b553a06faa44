"""`bin/check`: everything that can be said about the code without running its tests."""

import subprocess

from launcher.processes import Interrupted, raise_on_signals
from launcher.suite import ROOT, servers_for_tests
from launcher.terminal import Problem, say, step

# `check --deploy` judges settings, so it must see those of a real deployment.
PRODUCTION = {
    "DEBUG": "false",
    "SECRET_KEY": "0123456789-abcdefghijklmnopqrstuvwxyz-ABCDEFGHIJKLMNOPQRSTUVWXYZ-only-for-the-check",
    "SHOP_BASE_URL": "https://shop.example",
    "ALLOWED_HOSTS": "shop.example",
    "SHOP_DEV_PAGES": "false",
    "SHOP_STAFF_MFA": "true",
    "STRIPE_SECRET_KEY": "sk_live_only_for_the_check",
    "STRIPE_WEBHOOK_SECRET": "whsec_only_for_the_check",
    "EMAIL_URL": "smtp+tls://mail.example:587",
    "SHOP_STAFF_EMAIL": "staff@shop.example",
    "DEFAULT_FROM_EMAIL": "Shop <shop@shop.example>",
    "SHOP_SELLER_ADDRESS": "Main street 1,10115 Berlin,Germany",
    "SHOP_SELLER_TAX_ID": "VAT DE123456789",
}
# By module: the first line of the script in .venv/bin holds the folder the checkout once was in.
LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"


def main() -> int:
    raise_on_signals()
    try:
        with servers_for_tests("bin/check") as (python, environment):
            results = [_passes(title, command, environment | extra) for title, command, extra in _steps(python)]
    except Problem as problem:
        say(f"\n{problem}")
        return 1
    except Interrupted:
        say("\nStopped.")
        return 130
    failed = results.count(False)
    say(f"{failed} of {len(results)} checks failed." if failed else f"All {len(results)} checks passed.")
    return 1 if failed else 0


def _steps(python: str) -> list[tuple[str, list[str], dict[str, str]]]:
    manage = [python, "manage.py"]
    return [
        ("ruff: lint", [python, "-m", "ruff", "check", "."], {}),
        ("ruff: format", [python, "-m", "ruff", "format", "--check", "."], {}),
        ("mypy: types", [python, "-m", "mypy", "."], {}),
        ("import-linter: layers", [python, "-c", LINT_IMPORTS], {}),
        ("migrations are complete", [*manage, "makemigrations", "--check", "--dry-run"], {}),
        ("every route is in the table of authorisation", [python, "-m", "tests.authorization"], {}),
        ("the API's description is up to date", [*manage, "openapi", "--check"], {}),
        ("settings for production", [*manage, "check", "--deploy", "--fail-level", "WARNING"], PRODUCTION),
    ]


def _passes(title: str, command: list[str], environment: dict[str, str]) -> bool:
    with step(title) as progress:
        finished = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        progress.remark = "ok" if finished.returncode == 0 else "FAILED"
    if finished.returncode:
        say(f"\n{finished.stdout}{finished.stderr}")
    return finished.returncode == 0
