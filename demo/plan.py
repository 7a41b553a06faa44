"""Ninety days of a small shop, made up: who bought what, when, and what became of it. Reads files, no database.

The same seed and day make the same plan. It ends at midnight before `day`, so that nothing in it is still to come.
"""

import json
import random
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from django.utils import timezone

CONTENT = Path(__file__).resolve().parent / "content"
SEED = 1719
DAYS, ORDERS = 90, 250
YEAR, DAY = timedelta(days=365), timedelta(days=1)
# From Monday on: people order at their desks, and on Sunday evenings.
WEEKDAYS = (1.15, 1.1, 1.0, 1.0, 0.9, 0.6, 0.85)
HOURS = (1, 0, 0, 0, 0, 1, 2, 4, 6, 7, 7, 8, 10, 8, 6, 6, 7, 8, 9, 12, 14, 12, 7, 3)
SALE_DAYS, SALE_RUSH = (62, 48), 1.7
SALE_ROOM = "Kitchen"
SENT_GRAMS = 18_000  # every way of delivery takes a parcel of that weight
# How long a parcel is on its way, in days, by where it goes.
HOME, UNION, WORLD = (1, 3), (3, 6), (6, 12)
FAR = frozenset({"CH", "GB"})
PLENTY = 10  # units of which a cancelled order may have kept some for a while
STILL_OPEN = 4  # days after which an order without a problem has arrived, at home


@dataclass(frozen=True)
class Article:
    sku: str
    product: str
    room: str
    price: float
    grams: int
    stock: int
    came: datetime


@dataclass(frozen=True)
class Person:
    name: str
    email: str
    address: dict[str, str]
    has_account: bool


@dataclass
class Purchase:
    buyer: Person
    placed_at: datetime
    lines: dict[str, int]
    method: str
    way: str = ""
    code: str = ""
    paid_at: datetime | None = None
    packed_at: datetime | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    cancelled_at: datetime | None = None
    is_forgotten: bool = False  # cancelled because nobody paid
    refunded_percent: int = 0
    refunded_at: datetime | None = None


@dataclass(frozen=True)
class Receipt:
    sku: str
    at: datetime
    quantity: int
    reason: str


@dataclass(frozen=True)
class Opinion:
    product: str
    purchase: Purchase
    rating: int
    title: str
    text: str
    reply: str
    at: datetime


@dataclass
class Plan:
    """Draws in a fixed order from one source of chance: what is added goes to the end, or everything changes."""

    day: date
    home: str
    customer: Person
    invoice_days: int
    seed: int = SEED
    purchases: list[Purchase] = field(default_factory=list)
    opinions: list[Opinion] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(f"{self.seed} {self.day}")
        self.until = at(self.day, time())
        self.start = self.until - timedelta(days=DAYS + 1)
        self.articles = _articles(self.until)
        self.customers, self.guests = _people()
        self._buy()
        self._review()
        self.purchases.sort(key=lambda purchase: purchase.placed_at)
        self._receive()

    @property
    def sale(self) -> tuple[datetime, datetime]:
        began, ended = (self.until - timedelta(days=days) for days in SALE_DAYS)
        return began, ended

    @cached_property
    def by_product(self) -> dict[str, list[Article]]:
        products: dict[str, list[Article]] = {}
        for article in self.articles:
            products.setdefault(article.product, []).append(article)
        return products

    @cached_property
    def by_sku(self) -> dict[str, Article]:
        return {article.sku: article for article in self.articles}

    @cached_property
    def liking(self) -> dict[str, float]:
        """How often a product is bought: cheap things oftener, and some things are simply liked."""
        return {
            name: (40 / variants[0].price) ** 0.45 * self.chance.lognormvariate(0, 0.45)
            for name, variants in self.by_product.items()
        }

    # --- Orders

    def _buy(self) -> None:
        faithful = [self.chance.lognormvariate(0, 0.7) for _ in self.customers]
        seen: set[str] = set()
        for placed_at in [*self._moments()]:
            guest = self.chance.random() < 0.27
            buyer = self.chance.choice(self.guests) if guest else self.chance.choices(self.customers, faithful)[0]
            self._place(buyer, placed_at, self._basket(placed_at), is_first=buyer.email not in seen)
            seen.add(buyer.email)
        far = next(each for each in self.customers if each.address["country"] in FAR)
        near = next(each for each in self.guests if each.address["country"] == self.customer.address["country"])
        for buyer, days_ago, method, lines in (
            (self.customer, 64, "stripe", {"OS-101-TEA": 2, "FM-106": 1}),
            (self.customer, 24, "stripe", {"WM-148-OAT": 1}),
            (self.customer, 5, "stripe", {"FM-117": 2, "OS-104-TID": 1}),
            # On any day of the week a parcel is on its way, an order waits to be sent and one for its money.
            (far, 5, "stripe", {"PW-132-SLA": 2, "PW-133": 1}),
            (near, 1, "cod", {"OS-101-CLA": 2, "FM-116": 1}),
            (self.customers[0], 1, "invoice", {"WM-153-OAT": 1, "FM-111-10": 4}),
        ):
            placed_at = at(self.day - timedelta(days=days_ago), time(19 if method == "cod" else 9, 12))
            self._place(buyer, placed_at, lines, is_first=False, fixed_method=method)

    def _moments(self) -> Iterator[datetime]:
        """When orders come: more from week to week, fewer on Saturdays, many while the sale runs."""
        days = [self.day - timedelta(days=ago) for ago in range(DAYS, 0, -1)]
        rush = range(SALE_DAYS[1] + 1, SALE_DAYS[0] + 1)
        weights = [
            (0.7 + 0.6 * place / DAYS) * WEEKDAYS[day.weekday()] * (SALE_RUSH if DAYS - place in rush else 1)
            for place, day in enumerate(days)
        ]
        for day in sorted(self.chance.choices(days, weights, k=ORDERS)):
            hour = self.chance.choices(range(24), HOURS)[0]
            yield at(day, time(hour, self.chance.randrange(60), self.chance.randrange(60)))

    def _basket(self, placed_at: datetime) -> dict[str, int]:
        """One to four products; after the first one, often of the same room."""
        there = [name for name, variants in self.by_product.items() if variants[0].came + 2 * DAY < placed_at]
        lines: dict[str, int] = {}
        room = ""
        for _ in range(self.chance.choices((1, 2, 3, 4), (42, 33, 17, 8))[0]):
            name = self.chance.choices(there, [self._pull(name, room, placed_at) for name in there])[0]
            article = self._variant(name)
            quantity = self.chance.choices((1, 2, 4), (60, 30, 10) if article.price < 40 else (95, 5, 0))[0]
            if article.sku not in lines and self._weight(lines) + article.grams * quantity <= SENT_GRAMS:
                lines[article.sku] = quantity
                room = article.room
        return lines

    def _pull(self, name: str, room: str, placed_at: datetime) -> float:
        began, ended = self.sale
        its_room = self.by_product[name][0].room
        pull = self.liking[name] * (14 if its_room == room else 1)
        return pull * (3 if its_room == SALE_ROOM and began <= placed_at < ended else 1)

    def _variant(self, name: str) -> Article:
        variants = self.by_product[name]
        return self.chance.choices(variants, [article.stock + 6 for article in variants])[0]

    def _weight(self, lines: dict[str, int]) -> int:
        return sum(self.by_sku[sku].grams * quantity for sku, quantity in lines.items())

    def _place(
        self, buyer: Person, placed_at: datetime, lines: dict[str, int], *, is_first: bool, fixed_method: str = ""
    ) -> None:
        is_home = buyer.address["country"] == self.home
        is_late = placed_at > self.until - STILL_OPEN * DAY
        # No card for what staff may still cancel: the provider knows nothing of these payments to give back.
        mix = (0, 70, 30) if is_late else (70, 21, 9)
        method = self.chance.choices(("stripe", "invoice", "cod"), mix if is_home else (mix[0], 100 - mix[0], 0))[0]
        purchase = Purchase(buyer, placed_at, lines, fixed_method or method)
        lucky = self.chance.random()
        if not fixed_method:
            purchase.way = self._way(buyer, lines, is_home)
            if is_first and buyer.has_account and lucky < 0.4:
                purchase.code = "WELCOME10"
            elif lucky > 0.94:
                purchase.code = "FREESHIP"
        self._follow(purchase, trouble=0.5 if fixed_method else self.chance.random(), is_home=is_home)
        self.purchases.append(purchase)

    def _way(self, buyer: Person, lines: dict[str, int], is_home: bool) -> str:
        if is_home and buyer.address["city"] == "Bremen" and self.chance.random() < 0.5:
            return "pickup"
        return "express" if is_home and self.chance.random() < 0.12 else ""

    def _follow(self, purchase: Purchase, *, trouble: float, is_home: bool) -> None:
        """What becomes of the order. What would have happened after the end of the plan has not happened yet."""
        placed = purchase.placed_at
        has_plenty = all(self.by_sku[sku].stock >= PLENTY for sku in purchase.lines)
        if trouble < 0.06 and has_plenty and purchase.method != "cod":
            self._cancel(purchase)
            return
        ready = placed
        if purchase.method == "stripe":
            ready = purchase.paid_at = placed + timedelta(seconds=self.chance.randint(50, 400))
        elif purchase.method == "invoice":
            seen = self._at_work(placed + timedelta(hours=self.chance.randint(12, 60)), 9)
            ready = purchase.paid_at = min(seen, placed + timedelta(days=self.invoice_days) * 0.9)
        purchase.packed_at = self._at_work(ready + timedelta(hours=14), 10)
        purchase.shipped_at = purchase.packed_at + timedelta(minutes=self.chance.randint(40, 300))
        country = purchase.buyer.address["country"]
        span = HOME if is_home else WORLD if country in FAR else UNION
        days = 1 if purchase.way else self.chance.randint(*span)
        arrived = at(timezone.localdate(purchase.shipped_at) + timedelta(days=days), time(9 + self.chance.randrange(9)))
        arrived += timedelta(minutes=self.chance.randrange(60))
        purchase.delivered_at = arrived + DAY if arrived.weekday() == 6 else arrived
        if purchase.method == "cod":
            purchase.paid_at = self._at_work(purchase.delivered_at + timedelta(hours=12), 9)
        if trouble > 0.975 and not purchase.code and purchase.method != "cod":
            purchase.refunded_percent = self.chance.choice((20, 50, 100))
            purchase.refunded_at = self._at_work(purchase.delivered_at + 2 * DAY, 11)
        self._forget_what_is_to_come(purchase)

    def _cancel(self, purchase: Purchase) -> None:
        if purchase.method == "stripe":
            purchase.paid_at = purchase.placed_at + timedelta(seconds=self.chance.randint(50, 400))
            purchase.cancelled_at = purchase.paid_at + timedelta(minutes=self.chance.randint(6, 90))
            purchase.refunded_at, purchase.refunded_percent = purchase.cancelled_at + timedelta(seconds=9), 100
        else:
            purchase.cancelled_at = purchase.placed_at + timedelta(days=self.invoice_days, seconds=40)
            purchase.is_forgotten = True
        self._forget_what_is_to_come(purchase)

    def _forget_what_is_to_come(self, purchase: Purchase) -> None:
        for name in ("paid_at", "packed_at", "shipped_at", "delivered_at", "cancelled_at", "refunded_at"):
            moment = getattr(purchase, name)
            if moment and moment >= self.until:
                setattr(purchase, name, None)

    def _at_work(self, moment: datetime, hour: int) -> datetime:
        """The next moment from then on in which somebody is in the workshop, from `hour` on."""
        day = timezone.localdate(moment)
        if timezone.localtime(moment).hour >= 16:
            day += DAY
        while day.weekday() >= 5:
            day += DAY
        return max(moment, at(day, time(hour, self.chance.randrange(60), self.chance.randrange(60))))

    # --- Reviews

    def _review(self) -> None:
        """Hands each written opinion to a buyer whose parcel came a while before; to none where nobody can have one."""
        told: set[tuple[str, str]] = set()
        for row in _rows("reviews.jsonl"):
            name = row["product"]
            free = [each for each in self._able_to_tell() if (each.buyer.email, name) not in told]
            owners = [each for each in free if self._has(each, name)] or self._giving(name, free)
            if not owners:
                continue
            purchase = self.chance.choice(owners)
            told.add((purchase.buyer.email, name))
            assert purchase.delivered_at
            room = (self.until - purchase.delivered_at).days - 1
            day = timezone.localdate(purchase.delivered_at) + timedelta(days=self.chance.randint(7, min(room, 38)))
            when = at(day, time(self.chance.choice((7, 12, 18, 20, 21)), self.chance.randrange(60)))
            text = (row["rating"], row["title"], row["text"], row.get("reply", ""))
            self.opinions.append(Opinion(name, purchase, *text, when))
        self.opinions.sort(key=lambda opinion: opinion.at)

    def _able_to_tell(self) -> list[Purchase]:
        return [
            each
            for each in self.purchases
            if each.buyer.has_account
            and each.buyer != self.customer
            and each.delivered_at
            and each.delivered_at < self.until - 9 * DAY
        ]

    def _has(self, purchase: Purchase, product: str) -> bool:
        return any(self.by_sku[sku].product == product for sku in purchase.lines)

    def _giving(self, product: str, purchases: Sequence[Purchase]) -> list[Purchase]:
        """One of these purchases, in which the product now lies too; none where it had not come yet."""
        article = self._variant(product)
        fitting = [
            each
            for each in purchases
            if article.came + 2 * DAY < each.placed_at
            and len(each.lines) < 4
            and self._weight(each.lines) + article.grams <= SENT_GRAMS
        ]
        if not fitting:
            return []
        chosen = self.chance.choice(fitting)
        chosen.lines[article.sku] = 1
        return [chosen]

    # --- Stock

    def _receive(self) -> None:
        """What came in, so that everything sold was there before it was sold and today's stock is what is left."""
        wanted: dict[str, list[tuple[datetime, int, bool]]] = {article.sku: [] for article in self.articles}
        for purchase in self.purchases:
            for sku, quantity in purchase.lines.items():
                wanted[sku].append((purchase.placed_at, quantity, purchase.cancelled_at is not None))
        for article in self.articles:
            self.receipts += _receipts(article, wanted[article.sku], first=max(article.came, self.start))
        self.receipts.sort(key=lambda receipt: receipt.at)


def midnight(now: datetime) -> datetime:
    """The one in which the day of `now` began."""
    return at(timezone.localdate(now), time())


def at(day: date, moment: time) -> datetime:
    return datetime.combine(day, moment, tzinfo=timezone.get_current_timezone())


def _receipts(article: Article, wanted: Sequence[tuple[datetime, int, bool]], *, first: datetime) -> list[Receipt]:
    sold = sum(quantity for _, quantity, is_cancelled in wanted if not is_cancelled)
    rest = article.stock + sold
    opening = rest if sold < 5 else max(rest // 2, min(rest, PLENTY))
    made = [Receipt(article.sku, first, opening, "opening stock")] if opening else []
    free, rest = opening, rest - opening
    for place, (placed_at, quantity, is_cancelled) in enumerate(wanted, start=1):
        if rest and (free - quantity < 2 or place == len(wanted)):
            morning = at(timezone.localdate(placed_at) - DAY, time(7, 30))
            made.append(Receipt(article.sku, morning, rest, "delivery from the maker"))
            free, rest = free + rest, 0
        assert free >= quantity, f"{article.sku} sold before it was there"
        free -= 0 if is_cancelled else quantity
    return made


def _articles(until: datetime) -> list[Article]:
    rows = list(_rows("products.jsonl"))
    return [
        Article(
            sku=variant["sku"],
            product=row["name"],
            room=row["category"].partition(" > ")[0],
            price=variant.get("price", row["price"]),
            grams=variant["weightGrams"],
            stock=variant["stock"],
            came=arrival(place, len(rows), until),
        )
        for place, row in enumerate(rows)
        for variant in row.get("variants") or [row]
    ]


def arrival(place: int, count: int, until: datetime) -> datetime:
    """When the product at this place of so many came into the shop: over a year, the last one at the end."""
    return until - YEAR * (count - 1 - place) / count


def _people() -> tuple[list[Person], list[Person]]:
    people = json.loads((CONTENT / "people.json").read_text(encoding="utf-8"))
    addresses = Counter(_mailbox(row["name"]) for group in people.values() for row in group)
    assert max(addresses.values()) == 1
    customers = [_person(row, has_account=True) for row in people["customers"]]
    return customers, [_person(row, has_account=False) for row in people["guests"]]


def _person(row: dict[str, str], *, has_account: bool) -> Person:
    address = {
        "full_name": row["name"],
        "line1": row["line1"],
        "line2": "",
        "city": row["city"],
        "region": "",
        "postal_code": row["postalCode"],
        "country": row["country"],
        "phone": "",
    }
    domain = "example.com" if len(row["name"]) % 2 else "example.org"
    return Person(row["name"], f"{_mailbox(row['name'])}@{domain}", address, has_account)


def _mailbox(name: str) -> str:
    plain = name.lower().replace("ø", "o").replace("ı", "i").replace("ß", "ss").replace("ü", "ue").replace("ö", "oe")
    return unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode().replace(" ", ".")


def _rows(name: str) -> Iterator[dict[str, Any]]:
    for line in (CONTENT / name).read_text(encoding="utf-8").splitlines():
        yield json.loads(line)
