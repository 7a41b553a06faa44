"""Many buyers while the payment provider fails a share of all calls and messages; then both sides' books compared."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import psycopg

from tests.faults.books import Books
from tests.faults.buyer import Buyer, put_on_sale
from tests.stack import Answer, Stack, request

SKU = "BOWL"
CALLS = (
    "timeout_before", "timeout_after", "error_before", "error_after", "rate_limited", "bad_json", "reset_before",
    "reset_after",
)  # fmt: skip
WEBHOOKS = ("webhook_missing", "webhook_duplicated", "webhook_delayed", "webhook_reordered", "webhook_forged")
# What a buyer does besides ordering and paying, each by its share.
HABITS = {"comes back": 0.5, "begins twice": 0.1, "pays in two tabs": 0.1, "cancels afterwards": 0.1}
# Seconds for which the provider says nothing: longer than the shop waits.
SILENCE = 12


@dataclass
class Sale:
    """`share` of the provider's calls and of its messages fail, spread evenly over the kinds of failure."""

    stack: Stack
    checkouts: int
    share: float
    seed: int
    at_once: int = 8
    told: Counter[str] = field(default_factory=Counter)
    struck: dict[str, int] = field(default_factory=dict)
    calls: int = 0
    orders: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def open(self) -> None:
        """Every buyer comes, pays as far as the provider lets them, and goes; then the provider is well again."""
        put_on_sale(self.stack, SKU, units=2 * self.checkouts)
        self.stack.set_faults(**self._faults())
        with ThreadPoolExecutor(self.at_once) as pool:
            list(pool.map(self._visit, range(self.checkouts)))
        state = self.stack.sandbox_state()
        self.struck, self.calls = state["struck"], state["calls"]
        self.stack.set_faults(**dict.fromkeys(self._faults()))

    def _faults(self) -> dict[str, Any]:
        def each(kinds: Iterable[str], **more: Any) -> dict[str, Any]:
            kinds = list(kinds)
            return {kind: {"rate": self.share / len(kinds), "seed": self.seed, **more} for kind in kinds}

        return each(CALLS, seconds=SILENCE) | each(WEBHOOKS, seconds=3, times=2)

    def _visit(self, number: int) -> None:
        chance = random.Random(f"{self.seed} {number}")
        visit = Visit(self.stack, number, {habit for habit, share in HABITS.items() if chance.random() < share})
        try:
            outcome = visit.go()
        except Exception as error:  # noqa: BLE001 - one buyer's trouble is a result, not the end of the sale
            outcome = f"{type(error).__name__}: {str(error)[:120]}"
        with self._lock:
            self.told[outcome] += 1
            if visit.order_id:
                self.orders[visit.order_id] = outcome

    # --- Afterwards

    def wait_until_books_agree(self, patience: float) -> float:
        """Seconds until the shop knows of all money, by its own means: retried webhooks and the reconciler."""
        started = time.monotonic()
        while self.disagreements() and time.monotonic() < started + patience:
            time.sleep(3)
        return time.monotonic() - started

    def disagreements(self) -> list[str]:
        return self.double_charges() + self.lost_orders() + self.unkept_refunds()

    def double_charges(self) -> list[str]:
        """Orders for which the provider keeps more than their total."""
        kept, owed = self._kept(), self._shop()
        return [f"{order}: {sum(kept[order])}" for order in kept if sum(kept[order]) > owed[order][1]]

    def lost_orders(self) -> list[str]:
        """Orders whose money the provider keeps, and which the shop doesn't call paid."""
        kept, shop = self._kept(), self._shop()
        return [
            f"{order}: {shop[order][0]}" for order in kept if sum(kept[order]) and shop[order][0] != "paid"
        ]  # fmt: skip

    def unkept_refunds(self) -> list[str]:
        """Orders that the shop calls paid and for which the provider keeps less than their total."""
        kept, shop = self._kept(), self._shop()
        paid = [order for order, (status, _) in shop.items() if status == "paid"]
        return [f"{order}: {sum(kept.get(order, []))}" for order in paid if sum(kept.get(order, [])) != shop[order][1]]

    def _kept(self) -> dict[str, list[int]]:
        """By order: every charge less what of it was given back, from the stand-in's own journal."""
        books = Books(self.stack.data_dir)
        refunds = books.refunds()
        return {order: [*charges, *(-each for each in refunds[order])] for order, charges in books.charges().items()}

    def _shop(self) -> dict[str, tuple[str, int]]:
        with psycopg.connect(self.stack.env["DATABASE_URL"]) as connection:
            rows = connection.execute("SELECT public_id, payment_status, total_minor FROM orders_order").fetchall()
        return {order: (status, total) for order, status, total in rows}

    def summary(self) -> dict[str, Any]:
        books = Books(self.stack.data_dir)
        shop = Counter(status for status, _ in self._shop().values())
        in_vain = sum(self.struck[kind] for kind in CALLS)
        return {
            "checkouts": self.checkouts,
            "orders": len(self._shop()),
            "payment_status": dict(sorted(shop.items())),
            "buyers": dict(self.told.most_common()),
            "provider_calls": self.calls,
            "provider_calls_struck": in_vain,
            "struck_share": round(in_vain / max(1, self.calls), 3),
            "struck": self.struck,
            "charges": sum(len(each) for each in books.charges().values()),
            "refunds": sum(len(each) for each in books.refunds().values()),
            "double_charges": self.double_charges(),
            "lost_paid_orders": self.lost_orders(),
            "refunds_unknown_to_the_shop": self.unkept_refunds(),
        }


@dataclass
class Visit:
    stack: Stack
    number: int
    habits: set[str]
    patience: float = 60
    order_id: str = ""

    def go(self) -> str:
        """What the buyer could tell of it."""
        self.buyer = Buyer(self.stack, SKU, self._address(), patience=150)
        self.buyer.place()
        self.order_id = self.buyer.order["orderId"]
        pages = [page for page in (self._page(), self._page() if "begins twice" in self.habits else "") if page]
        if not pages:
            return "could not begin to pay"
        paid = self._pay(pages)
        if not paid:
            return "did not pay"
        if "comes back" in self.habits:
            parts = urlsplit(paid)
            self._call("GET", f"{parts.path}?{parts.query}")
        if "cancels afterwards" in self.habits:
            return self._cancel()
        return "paid"

    def _address(self) -> str:
        return f"10.{self.number >> 16 & 255}.{self.number >> 8 & 255}.{self.number & 255}"

    def _page(self) -> str:
        """The provider's page: as the order's answer says, else begun again on the shop's own page, as a buyer does."""
        address = self.buyer.order["payment"]["redirectUrl"]
        deadline = time.monotonic() + self.patience
        while not address.startswith(self.stack.sandbox_url):
            if time.monotonic() > deadline:
                return ""
            time.sleep(1)
            form = urlencode({"token": self.buyer.order["orderToken"], "payment_method": "stripe"})
            answer = self._call("POST", f"/orders/{self.order_id}/pay/start/", form)
            if answer.status == 303:
                address = answer.headers["location"]
                if "/pay" not in address and not address.startswith(self.stack.sandbox_url):
                    return ""
        return address

    def _pay(self, pages: list[str]) -> str:
        """Where the provider sends the buyer after a payment; with two tabs both are submitted at one moment."""
        tabs = pages * 2 if "pays in two tabs" in self.habits else pages
        with ThreadPoolExecutor(len(tabs)) as pool:
            answers = list(pool.map(self.stack.pay, tabs))
        return next((answer.headers["location"] for answer in answers if answer.status == 303), "")

    def _cancel(self) -> str:
        path = f"/api/orders/{self.order_id}/cancel"
        answer = self.buyer.insist("POST", path, token=self.buyer.order["orderToken"])
        return "cancelled" if answer.status == 200 else f"cancelling was answered {answer.status}"

    def _call(self, method: str, path: str, form: str = "") -> Answer:
        headers = {"X-Forwarded-For": self._address(), "Origin": self.stack.base_url}
        if form:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        return request(f"{self.stack.base_url}{path}", method, form.encode() or None, headers)


def as_text(summary: dict[str, Any]) -> str:
    return json.dumps(summary, indent=2)
