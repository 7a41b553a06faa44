"""Visitors who look and visitors who buy, for as long as a test breaks things; what each of them was answered."""

import http.client
import random
import secrets
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.faults.buyer import ADDRESS
from tests.stack import Answer, Stack

# Where people look, and what programs ask.
PAGES = (
    "/",
    "/products/",
    "/cart/",
    "/search/?q=bowl",
    "/api/products?limit=5",
    "/api/products/search?q=bowl",
    "/api/cart/me",
)


@dataclass(frozen=True)
class Sample:
    """One request: when it began, what for, its answer's status (0: the connection broke), how long it took."""

    at: float
    kind: str
    status: int
    seconds: float
    retry_after: str = ""
    path: str = ""


@dataclass
class Load:
    """`readers` look at pages, `buyers` put an article into a cart and order it, each again and again."""

    stack: Stack
    sku: str
    readers: int = 2
    buyers: int = 2
    seed: int = 1
    samples: list[Sample] = field(default_factory=list)
    acknowledged: list[dict[str, Any]] = field(default_factory=list)
    pays: bool = True

    def __enter__(self) -> "Load":
        self._is_over = threading.Event()
        run = secrets.token_hex(3)
        jobs = [(self._look, n) for n in range(self.readers)] + [(self._buy, n) for n in range(self.buyers)]
        self._threads = [
            threading.Thread(target=self._again_and_again, args=(job, run, number), daemon=True) for job, number in jobs
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(60)

    # --- What they were answered

    def since(self, moment: float) -> list[Sample]:
        return [sample for sample in self.samples if sample.at >= moment]

    def statuses(self, kind: str = "") -> Counter[int]:
        return Counter(sample.status for sample in self.samples if kind in {"", sample.kind})

    def failed(self) -> list[Sample]:
        """Whatever a visitor would call broken: no answer, or an error of the shop's."""
        return [sample for sample in self.samples if sample.status == 0 or sample.status >= 500]

    def availability(self, kinds: set[str]) -> float:
        """The share of requests that were not answered by a failure, in per cent."""
        asked = [sample for sample in self.samples if sample.kind in kinds]
        failed = sum(sample.status == 0 or sample.status >= 500 for sample in asked)
        return 100 * (1 - failed / len(asked)) if asked else 100.0

    def seconds(self, share: float, *, kind: str = "", since: float = 0) -> float:
        """The time in which that share of the requests was answered."""
        times = sorted(s.seconds for s in self.samples if kind in {"", s.kind} and s.at >= since)
        return times[min(len(times) - 1, int(len(times) * share))] if times else 0.0

    # --- What they do

    def _again_and_again(self, job: Any, run: str, number: int) -> None:
        chance = random.Random(f"{self.seed} {job.__name__} {number}")
        rounds = 0
        while not self._is_over.is_set():
            rounds += 1
            job(chance, f"{run}-{number}-{rounds}", f"10.{64 + number}.{rounds >> 8 & 255}.{rounds & 255}")
            time.sleep(chance.uniform(0.02, 0.1))

    def _look(self, chance: random.Random, name: str, address: str) -> None:
        self._ask("read", "GET", chance.choice(PAGES), address=address)

    def _buy(self, chance: random.Random, name: str, address: str) -> None:
        cart = self._ask("cart", "POST", "/api/cart/me/items", {"sku": self.sku, "quantity": 1}, address=address)
        if cart is None or cart.status != 200:
            return
        body = {
            "cartId": cart.data["cartId"],
            "email": f"{name}@example.com",
            "shippingAddress": ADDRESS,
            "paymentMethod": "stripe" if self.pays else "invoice",
        }
        for _ in range(60):
            answer = self._ask("checkout", "POST", "/api/orders", body, address=address, idempotency_key=name)
            if answer is not None and answer.status == 201:
                self._acknowledge(answer.data)
                return
            if self._is_over.is_set() or (answer is not None and answer.status not in {409, 429, 503}):
                return
            time.sleep(min(float(answer.headers.get("retry-after", 1)), 2) if answer else 0.5)

    def _acknowledge(self, order: dict[str, Any]) -> None:
        self.acknowledged.append(order)
        address = order["payment"].get("redirectUrl") or ""
        if self.pays and address.startswith(self.stack.sandbox_url):
            order["isPaid"] = self.stack.pay(address).status == 303

    def _ask(
        self, kind: str, method: str, path: str, body: Any = None, *, address: str, **headers: str
    ) -> Answer | None:
        started = time.monotonic()
        try:
            answer = self.stack.call(method, path, body, X_Forwarded_For=address, **headers)
        except (OSError, http.client.HTTPException):
            self.samples.append(Sample(started, kind, 0, time.monotonic() - started, path=path))
            return None
        retry_after = answer.headers.get("retry-after", "")
        took = time.monotonic() - started
        self.samples.append(Sample(started, kind, answer.status, took, retry_after, path))
        return answer
