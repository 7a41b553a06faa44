from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from recommendations import operations


class Command(BaseCommand):
    help = "Makes all recommendations anew from what was bought. Celery does the same every night."

    def handle(self, *args: Any, **options: Any) -> None:
        made = operations.generate(timezone.now())
        if made is None:
            raise CommandError("Another run is under way.")
        self.stdout.write(
            f"{made.pairs} pairs of {made.products} products from {made.baskets} baskets, {made.seconds} s"
        )
