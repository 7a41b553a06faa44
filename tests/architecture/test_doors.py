"""Between apps only a few modules are doors; the layers themselves are import-linter's (pyproject.toml)."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOORS = {"models", "operations", "queries", "errors", "schemas"}
# The kernel is everybody's; the composition root reads everything and is imported by nobody.
OPEN = {"shop"}
EXEMPT_IMPORTERS = {"config", "tests", "bench"}


def apps() -> set[str]:
    return {path.parent.name for path in ROOT.glob("*/apps.py")}


def source_files(app: str) -> Iterator[Path]:
    for path in (ROOT / app).rglob("*.py"):
        if not {"tests", "migrations"} & set(path.relative_to(ROOT).parts):
            yield path


def imported_modules(path: Path) -> Iterator[str]:
    """Absolute names, those inside functions too. `from app import operations` names the module app.operations."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            if "." in node.module:
                yield node.module
            else:
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def side_doors() -> list[str]:
    known = apps()
    found = []
    for app in sorted(known - EXEMPT_IMPORTERS):
        for path in source_files(app):
            for module in imported_modules(path):
                owner, _, rest = module.partition(".")
                if owner in known - OPEN - {app} and rest.split(".")[0] not in DOORS:
                    found.append(f"{path.relative_to(ROOT)} imports {module}")
    return found


def test_apps_enter_each_other_through_their_doors_only() -> None:
    assert side_doors() == []


def test_the_rule_sees_the_apps() -> None:
    assert {"catalog", "orders", "checkout"} <= apps()
