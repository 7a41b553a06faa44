import os
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from demo.operations import CONTENT, CUSTOMER, PICTURES, STAFF, prepare


class Command(BaseCommand):
    help = (
        "Fills the shop with the demo's categories and products and makes two accounts, "
        f"{STAFF} and {CUSTOMER}, with the password in SHOP_DEMO_PASSWORD. What is there already is left alone."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        password = os.environ.get("SHOP_DEMO_PASSWORD")
        if not password:
            raise CommandError("Set SHOP_DEMO_PASSWORD to the password that the demo accounts shall have.")
        prepare(password)
        call_command("import_catalog", CONTENT / "products.jsonl", images=PICTURES, stdout=self.stdout)
