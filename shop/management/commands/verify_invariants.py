import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from shop.invariants import Finding, repair, verify


class Command(BaseCommand):
    help = (
        "Checks what must always be true of stock, orders and money. Exits 0 if it is, 1 if a row breaks it, "
        "and 2 if --repair changed something and it is now."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print the findings as JSON")
        parser.add_argument(
            "--repair",
            action="store_true",
            help="first make counters anew from their ledgers, telling every change as old -> new",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        changes = repair() if options["repair"] else {}
        for what, lines in changes.items():
            for line in lines:
                (self.stderr if options["json"] else self.stdout).write(f"repaired {what}: {line}")
        findings = verify()
        if options["json"]:
            self.stdout.write(json.dumps([as_json(finding) for finding in findings], default=str, indent=2))
        else:
            for finding in findings:
                self.stdout.write(as_line(finding))
            if any(verdict(finding) == "unproved" for finding in findings):
                self.stdout.write("unproved: nothing of that kind is there yet, so there was nothing to examine.")
        if any(finding.rows for finding in findings):
            sys.exit(1)
        if any(changes.values()):
            sys.exit(2)


def verdict(finding: Finding) -> str:
    if finding.rows:
        return "BROKEN"
    return "holds" if finding.examined else "unproved"


def as_json(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.invariant.code,
        "promise": finding.invariant.promise,
        "verdict": verdict(finding),
        "examined": finding.examined,
        "rows": finding.rows,
    }


def as_line(finding: Finding) -> str:
    line = (
        f"{verdict(finding):8} {finding.invariant.code:4} {finding.examined:>9} examined  {finding.invariant.promise}"
    )
    return "\n".join([line, *(f"           {row}" for row in finding.rows)])
