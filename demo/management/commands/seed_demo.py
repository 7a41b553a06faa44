import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from catalog.models import Product
from demo.operations import CONTENT, CUSTOMER, PICTURES, STAFF, age, begin_sale, make_history, prepare
from demo.past_payments import write_past_payments


class Command(BaseCommand):
    help = (
        "Fills the shop with the demo's categories and products and makes two accounts, "
        f"{STAFF} and {CUSTOMER}, with the password in SHOP_DEMO_PASSWORD. A shop that has sold nothing yet gets the "
        "customers, orders and reviews of the last 90 days too. What is there already is left alone."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--past-payments", type=Path, metavar="FILE", help="write the card payments of the past for the stand-in"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        password = os.environ.get("SHOP_DEMO_PASSWORD")
        if not password:
            raise CommandError("Set SHOP_DEMO_PASSWORD to the password that the demo accounts shall have.")
        prepare(password)
        now = timezone.now()
        with TemporaryDirectory() as folder:
            goods = _without_stock(CONTENT / "products.jsonl", Path(folder))
            call_command("import_catalog", goods, images=PICTURES, stdout=self.stdout)
        age(Product.objects.filter(created_at__gte=now), now=now)
        if made := make_history(now=now):
            self.stdout.write(f"{made} orders of the last 90 days")
        begin_sale(now=timezone.now())
        if options["past_payments"]:
            write_past_payments(options["past_payments"])


def _without_stock(file: Path, folder: Path) -> Path:
    """The same goods: what was on the shelves, and since when, is for the history to say."""
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        for article in [row, *row.get("variants", [])]:
            article.pop("stock", None)
    copy = folder / file.name
    copy.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return copy
