import re
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from payments import operations
from payments.errors import ProviderUnavailable

UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def age(text: str) -> timedelta:
    match = re.fullmatch(r"([1-9][0-9]{0,3})([mhd])", text)
    if not match:
        raise ValueError(f"{text} is no time such as 90m, 12h or 3d")
    return timedelta(**{UNITS[match[2]]: int(match[1])})


class Command(BaseCommand):
    help = "Asks the payment provider about open payments and compares its sessions with our books, both ways."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", type=age, default=timedelta(days=3), help="How far back: 90m, 12h or 3d.")

    def handle(self, *args: Any, since: timedelta, **options: Any) -> None:
        now = timezone.now()
        asked = operations.reconcile(now)
        try:
            orphans = operations.find_orphans(now - since, now=now)
        except ProviderUnavailable as error:
            raise CommandError("The payment provider can't be reached.") from error
        self.stdout.write(f"{asked} payments asked about, {len(orphans)} that don't match.")
        for orphan in orphans:
            self.stdout.write(f"  {orphan}")
        if orphans:
            raise CommandError("Look at these payments.")
