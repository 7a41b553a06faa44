import os
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from catalog.models import Product
from demo.operations import CONTENT, CUSTOMER, PICTURES, STAFF, age, begin_sale, prepare


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
        now = timezone.now()
        call_command("import_catalog", CONTENT / "products.jsonl", images=PICTURES, stdout=self.stdout)
        age(Product.objects.filter(created_at__gte=now), now=now)
        begin_sale(now=timezone.now())
