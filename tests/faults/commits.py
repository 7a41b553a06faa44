"""Connections cut at the COMMIT of an order and of a payment: whether it happened, nobody can tell from the error."""

import secrets
import time
from dataclasses import dataclass
from typing import Literal

from tests.faults.behind_proxies import SKU, FaultyShop
from tests.faults.books import Books
from tests.faults.buyer import Buyer
from tests.faults.proxy import CutAtCommit
from tests.stack import eventually

# What only the transaction in question says.
PLACES = b'INSERT INTO "orders_order" '
SETTLES = b'INSERT INTO "payments_paymentevent" '
CONFIRMED_SECONDS = 90


@dataclass
class Trial:
    """One order. `existed` is how many orders of it there were when the first attempt had failed."""

    buyer: Buyer
    where: Literal["before", "behind"]
    existed: int = -1


def lose_orders(shop: FaultyShop, trials: int) -> list[Trial]:
    """Places orders of which each loses its connection once at the COMMIT, before and behind it by turns."""
    run = secrets.token_hex(3)
    return [_lose_order(shop, run, number) for number in range(trials)]


def _lose_order(shop: FaultyShop, run: str, number: int) -> Trial:
    where: Literal["before", "behind"] = "before" if number % 2 else "behind"
    buyer = Buyer(
        shop.stack, SKU, f"10.8.{number >> 8}.{number & 255}", key=f"{run}-{number}-{where}", longest_pause=0.1
    )
    trial = Trial(buyer, where)
    struck = shop.postgres.struck[f"commit {where}"]
    shop.postgres.cut_at_commit = CutAtCommit(PLACES, where)

    def look(status: int) -> None:
        if trial.existed < 0:
            trial.existed = orders_of(shop, buyer)

    buyer.on_refusal = look
    buyer.place()
    shop.postgres.cut_at_commit = None
    assert shop.postgres.struck[f"commit {where}"] == struck + 1, "the fault did not strike"
    return trial


def lose_payments(shop: FaultyShop, trials: list[Trial]) -> None:
    """Lets everybody pay, and cuts as many commits that put payments on record."""
    half = len(trials) // 2
    struck = shop.postgres.struck.copy()
    shop.postgres.cut_at_commit = CutAtCommit(SETTLES, "behind", times=half)
    for trial in trials[:half]:
        trial.buyer.pay()
    _wait_for(shop, "commit behind", struck["commit behind"] + half)
    shop.postgres.cut_at_commit = CutAtCommit(SETTLES, "before", times=len(trials) - half)
    for trial in trials[half:]:
        trial.buyer.pay()
    _wait_for(shop, "commit before", struck["commit before"] + len(trials) - half)
    shop.postgres.cut_at_commit = None
    deadline = time.monotonic() + CONFIRMED_SECONDS
    for trial in trials:
        trial.buyer.patience = max(1, deadline - time.monotonic())
        trial.buyer.until("paid")


def _wait_for(shop: FaultyShop, name: str, times: int) -> None:
    eventually(lambda: shop.postgres.struck[name] >= times, seconds=60, what=f"{times} cuts: {name}")


def problems(shop: FaultyShop, trials: list[Trial]) -> list[str]:
    """What is wrong, in words; empty when each wish has one order and, where it was paid, one charge."""
    charges = Books(shop.stack.data_dir).charges()
    found = [f"invariant {finding['code']}: {finding['rows']}" for finding in shop.broken_invariants()]
    for trial in trials:
        expected = 1 if trial.where == "behind" else 0
        found += [f"{trial.buyer.key}: {trial.existed} orders after the cut"] * (trial.existed != expected)
        found += [f"{trial.buyer.key}: {orders_of(shop, trial.buyer)} orders"] * (orders_of(shop, trial.buyer) != 1)
        taken, total = charges.get(trial.buyer.order["orderId"], []), trial.buyer.order["totalMinor"]
        found += [f"{trial.buyer.key}: charged {taken}, not {total}"] * (taken != [total])
    return found


def orders_of(shop: FaultyShop, buyer: Buyer) -> int:
    return shop.one("SELECT count(*) FROM orders_order WHERE email = %s", buyer.email)
