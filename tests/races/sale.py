"""A flash sale over HTTP: everybody looks at the page, the units arrive, everybody wants one. Limits as in production.

Each buyer has an address and a socket of their own and walks alone: add, ways of delivery, order, card at the payment
stand-in. A refusal ends the walk. What was asked and answered is kept, and afterwards held against the shop's database
and the stand-in's books.
"""

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import psycopg

from tests.races.crowd import Connection, Reply, address
from tests.stack import Stack, eventually, request

ADDRESS = {"fullName": "Ada Byron", "line1": "Am Markt 1", "city": "Bremen", "postalCode": "28195", "country": "DE"}
GOOD_CARD, DECLINED_CARD = "4242424242424242", "4000000000000002"
PATIENCE_SECONDS = 300.0
# The webhook, its worker and a sweep of what the crowd made wait.
BOOKED_SECONDS = 180.0
LATER = """
from datetime import timedelta
from django.utils import timezone
from checkout import operations
print("ENDED", operations.end_unpaid(timezone.now() + timedelta(hours=1)))
"""
RECEIVE = """
from django.db import transaction
from inventory import operations
with transaction.atomic():
    operations.receive("{sku}", {units}, reason="the sale opens", actor="bench")
"""


@dataclass(frozen=True)
class Entry:
    """One line of the client's log."""

    at: float
    buyer: int
    step: str
    status: int
    code: str
    seconds: float
    order: str = ""


@dataclass
class Sale:
    """`units` for `buyers`, at most `sockets` of them connected at a time; `seed` decides who comes when and who fails
    to pay: of the first units sold, `unpaid`, half by a declined card and half by never entering one.
    """

    stack: Stack
    sku: str
    units: int
    buyers: int
    sockets: int
    unpaid: int
    seed: int
    log: list[Entry] = field(default_factory=list)
    open_now: int = 0
    most_open: int = 0
    sold: int = 0
    started: float = 0.0

    def prepare(self) -> None:
        """The article is there, and none of it."""
        staff = self.stack.sign_in_staff()
        self.stack.manage("shell", "-c", "from catalog.operations import make_category; make_category(['Table'])")
        product = {"name": f"Rare {self.sku}", "description": "A few were made.", "price": 12.5, "category": "Table"}
        made = self.stack.call("POST", "/api/products", product | {"sku": self.sku, "stock": 0}, token=staff).data
        self.page = f"/products/{made['slug']}/"

    def look(self) -> float:
        """Everybody reads the product's page; seconds."""
        return asyncio.run(self._crowd(range(self.buyers), self._look))

    def open(self) -> float:
        """The units arrive and everybody who waits at an open socket wants one; seconds until all are answered."""
        self.stack.manage("shell", "-c", RECEIVE.format(sku=self.sku, units=self.units))
        return asyncio.run(self._crowd(range(self.buyers), self._buy))

    def end_unpaid(self) -> int:
        """An hour later; returns how many orders ended without money."""
        provider = {"STRIPE_SECRET_KEY": "sk_test_sandbox", "STRIPE_API_BASE": self.stack.sandbox_url}
        told = self.stack.manage("shell", "-c", LATER, **provider)
        return int(next(line for line in told.splitlines() if line.startswith("ENDED")).split()[1])

    def come_back(self, buyers: int) -> float:
        """Others, who all pay, want what has come back."""
        return asyncio.run(self._crowd(range(self.buyers, self.buyers + buyers), self._buy))

    # --- The crowd

    async def _crowd(self, numbers: range, walk: Any) -> float:
        order = list(numbers)
        random.Random(self.seed).shuffle(order)
        waiting = iter(order)
        first = [Connection(self.stack.base_url, client_address=address(n), patience=PATIENCE_SECONDS) for n in order]
        # Nobody asks before as many as can be are connected.
        early = first[: self.sockets]
        await asyncio.gather(*(connection.open() for connection in early))
        self.open_now = len(early)
        self.most_open = max(self.most_open, self.open_now)
        connections = dict(zip(order, first, strict=True))
        is_open = set(order[: self.sockets])
        self.started = started = time.perf_counter()

        async def places() -> None:
            for number in waiting:
                connection = connections.pop(number)
                if number not in is_open:
                    await connection.open()
                try:
                    await walk(connection, number)
                finally:
                    connection.close()

        await asyncio.gather(*(places() for _ in range(self.sockets)))
        return time.perf_counter() - started

    def _note(self, number: int, step: str, reply: Reply, order: str = "") -> None:
        at = round(time.perf_counter() - self.started, 4)
        self.log.append(Entry(at, number, step, reply.status, reply.code, round(reply.seconds, 4), order))

    async def _ask(self, connection: Connection, number: int, step: str, path: str, wish: Any = None) -> Reply:
        """Who is told to come again does so; each answer is in the log."""
        while True:
            if wish is None:
                reply = await connection.ask("GET", path)
            else:
                reply = await connection.ask_json("POST", path, wish, idempotency_key=f"{self.sku}-{number}-{step}")
            order = reply.body["data"]["orderId"] if step == "order" and reply.status == 201 else ""
            self._note(number, step, reply, order)
            if reply.status != 503 or "retry-after" not in reply.headers:
                return reply
            await asyncio.sleep(int(reply.headers["retry-after"]))

    async def _look(self, connection: Connection, number: int) -> None:
        await self._ask(connection, number, "page", self.page)

    async def _buy(self, connection: Connection, number: int) -> None:
        added = await self._ask(connection, number, "add", "/api/cart/me/items", {"sku": self.sku, "quantity": 1})
        if added.status != 200:
            return
        cart = added.body["data"]["cartId"]
        ways = await self._ask(connection, number, "delivery", f"/api/shipping/options?cartId={cart}&country=DE")
        if ways.status != 200:
            return
        wish = {"cartId": cart, "email": f"buyer{number}@example.com", "shippingAddress": ADDRESS}
        wish |= {"paymentMethod": "stripe", "shippingMethod": ways.body["data"][0]["code"]}
        placed = await self._ask(connection, number, "order", "/api/orders", wish)
        if placed.status == 201:
            self.sold += 1
            await self._pay(number, placed.body["data"]["payment"]["redirectUrl"], self.sold)

    async def _pay(self, number: int, url: str, place: int) -> None:
        """The first orders fail to be paid: every other one by a declined card, the rest by none."""
        if place <= self.unpaid and place % 2:
            return
        card = DECLINED_CARD if place <= self.unpaid else GOOD_CARD
        form = urlencode({"number": card, "exp": "12/40", "cvc": "123"}).encode()
        shown = urlsplit(url)
        connection = Connection(url, client_address=address(number), patience=PATIENCE_SECONDS)
        await connection.open()
        try:
            paid = await connection.ask("POST", shown.path, form, content_type="application/x-www-form-urlencoded")
            self._note(number, "card", paid)
        finally:
            connection.close()

    # --- The books

    def write_log(self, path: Path) -> None:
        path.write_text("".join(json.dumps(entry.__dict__) + "\n" for entry in self.log))

    def paid_by_the_log(self) -> set[str]:
        orders = {entry.buyer: entry.order for entry in self.log if entry.order}
        return {orders[entry.buyer] for entry in self.log if entry.step == "card" and entry.status == 303}

    def paid_by_the_shop(self) -> set[str]:
        return {order for order, status in self.orders().items() if status == "paid"}

    def paid_by_the_stand_in(self) -> set[str]:
        """By the stand-in's own list, page by page."""
        found, after = set(), ""
        key = {"Authorization": "Bearer sk_test_sandbox"}
        while True:
            url = f"{self.stack.sandbox_url}/v1/checkout/sessions?limit=100{after}"
            page = request(url, "GET", None, key).json
            mine = [each for each in page["data"] if each["payment_status"] == "paid"]
            found |= {each["client_reference_id"] for each in mine}
            if not page["has_more"]:
                return found
            after = f"&starting_after={page['data'][-1]['id']}"

    def orders(self) -> dict[str, str]:
        """Payment status by order, of the orders of this sale's article."""
        statement = """
            SELECT o.public_id, o.payment_status FROM orders_order o
            JOIN orders_orderline l ON l.order_id = o.id WHERE l.sku = %s
        """
        with psycopg.connect(self.stack.env["DATABASE_URL"]) as connection:
            return dict(connection.execute(statement, [self.sku]).fetchall())

    def wait_until_booked(self) -> float:
        """Seconds until the shop's books say of every card what its buyer was told."""
        started, wanted = time.perf_counter(), self.paid_by_the_log()
        eventually(lambda: self.paid_by_the_shop() == wanted, seconds=BOOKED_SECONDS, what=f"{len(wanted)} payments")
        return time.perf_counter() - started

    def check(self, *, paid: int) -> None:
        """Log, database and stand-in tell the same, and nobody was left without an answer or with a wrong one."""
        mine = self.orders()
        assert {entry.order for entry in self.log if entry.order} == set(mine), "orders of the log and of the database"
        assert len(self.paid_by_the_log()) == paid
        assert self.paid_by_the_shop() == self.paid_by_the_log()
        assert self.paid_by_the_stand_in() & set(mine) == self.paid_by_the_log()
        last = {entry.buyer: entry for entry in self.log}
        bought = {entry.buyer for entry in self.log if entry.order}
        lost = [entry for buyer, entry in last.items() if buyer not in bought]
        assert {(entry.status, entry.code) for entry in lost} == {(409, "insufficient_stock")}
        assert self.unplanned() == []
        assert self.stack.broken_invariants() == []

    def unplanned(self) -> list[Entry]:
        """Errors of ours that no buyer was told to wait for."""
        return [entry for entry in self.log if entry.status >= 500 and entry.status != 503]

    def statuses(self, step: str) -> dict[str, int]:
        return dict(sorted(Counter(str(entry.status) for entry in self.log if entry.step == step).items()))

    def losers_seconds(self) -> list[float]:
        return sorted(entry.seconds for entry in self.log if entry.status == 409)
