"""How good recommendations are: what they would have said on a day, beside what was then bought."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max, QuerySet

from accounts.models import User
from orders.models import Order, OrderLine

from . import operations, queries

AT = 10


@dataclass(frozen=True)
class Score:
    """`hit`: the share of shoppers of whom something was guessed. `recall`: the share guessed of what one bought."""

    method: str
    hit: float
    recall: float


@dataclass(frozen=True)
class Evaluation:
    shoppers: int
    scores: Sequence[Score]


def evaluate(split: datetime, *, most: int) -> Evaluation:
    """Makes the generation of that day and asks it. Changes the tables: the caller rolls back.

    Asked are those with orders on both sides of `split`, whose later ones have something new; `most` of them, those
    who ordered last. Every method leaves out what the shopper had already.
    """
    operations.generate(split)
    bought = _new_purchases(split, most)
    people = User.objects.in_bulk(list(bought))
    popular = queries.popular(AT + queries.HISTORY)
    methods: dict[str, Callable[[User, set[int]], Sequence[int]]] = {
        "neighbours, shrunk cosine": lambda user, had: queries.for_shopper(user, AT, now=split),
        "neighbours, plain count": lambda user, had: queries.for_shopper(user, AT, now=split, by="count"),
        "popular": lambda user, had: [pk for pk in popular if pk not in had][:AT],
    }
    scores = []
    for name, method in methods.items():
        shares = []
        for pk, (had, new) in bought.items():
            shares.append(len(new & set(method(people[pk], had))) / len(new))
        asked = max(1, len(shares))
        scores.append(Score(name, sum(share > 0 for share in shares) / asked, sum(shares) / asked))
    return Evaluation(len(bought), scores)


def _new_purchases(split: datetime, most: int) -> dict[int, tuple[set[int], set[int]]]:
    """By shopper: the products bought before, and those bought after for the first time; none without either."""
    orders = Order.objects.exclude(user=None).exclude(status__in=["pending", "cancelled"])
    later = orders.filter(placed_at__gte=split).values("user").annotate(last=Max("placed_at")).order_by("-last", "user")
    people = [user for user in later.values_list("user", flat=True) if user is not None]
    before, after = (
        _products(orders.filter(user__in=people, **side))
        for side in ({"placed_at__lt": split}, {"placed_at__gte": split})
    )
    pairs = {pk: (before[pk], after[pk] - before[pk]) for pk in people if pk in before}
    return dict([(pk, pair) for pk, pair in pairs.items() if pair[1]][:most])


def _products(orders: QuerySet[Order]) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for user, product in OrderLine.objects.filter(order__in=orders).values_list("order__user", "variant__product"):
        found.setdefault(user, set()).add(product)
    return found
