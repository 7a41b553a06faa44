from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.db.models import Max, Min
from django.utils import timezone

from orders.models import Order
from recommendations import evaluation


class Command(BaseCommand):
    help = (
        "Learns from the orders before a day and looks what shoppers who had ordered before bought after it. "
        "Prints hit@10 and recall@10 of each method. What the shop shows meanwhile does not change."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, help="How many last days are held out; default: the last fifth.")
        parser.add_argument("--shoppers", type=int, default=2000, help="At most so many are asked; default 2000.")

    def handle(self, *args: Any, days: int | None, shoppers: int, **options: Any) -> None:
        split = self.split(days)
        with transaction.atomic():
            result = evaluation.evaluate(split, most=shoppers)
            # The generation of that day was made in the shop's own tables: nobody else ever sees it.
            transaction.set_rollback(True)
        self.stdout.write(f"Learnt before {split:%Y-%m-%d}; {result.shoppers} shoppers bought something new after it.")
        self.stdout.write(f"{'method':<28}{'hit@10':>8}{'recall@10':>11}")
        for score in result.scores:
            self.stdout.write(f"{score.method:<28}{score.hit:>8.3f}{score.recall:>11.3f}")

    def split(self, days: int | None) -> datetime:
        if days is not None:
            return timezone.now() - timedelta(days=days)
        span = Order.objects.exclude(user=None).aggregate(first=Min("placed_at"), last=Max("placed_at"))
        if span["first"] is None:
            raise CommandError("There are no orders of people with an account to learn from.")
        first, last = span["first"], span["last"]
        return first + (last - first) * 0.8
