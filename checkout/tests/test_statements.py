"""How many statements an article into a bag and an order cost: each is a round trip of every buyer of a sale.

Savepoints are not counted: they cost a tenth.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from accounts.tests.clients import ApiClient

from .clients import order_body
from .factories import make_variant

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sound")]


@contextmanager
def statements() -> Iterator[list[str]]:
    sent: list[str] = []

    def note(execute: Any, sql: Any, *rest: Any) -> Any:
        if "SAVEPOINT" not in str(sql):
            sent.append(str(sql))
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        yield sent


def test_adding_and_ordering(api: ApiClient) -> None:
    variant = make_variant(stock=100)
    with statements() as added:
        answer = api.post("/cart/me/items", {"sku": variant.sku, "quantity": 1})
    assert answer.status_code == 200
    cart = answer.json()["data"]["cartId"]
    with statements() as ordered:
        answer = api.post("/orders", order_body(cart, paymentMethod="invoice"), idempotency_key="one wish")
    assert answer.status_code == 201
    assert len(added) <= 16, "\n".join(added)
    assert len(ordered) <= 37, "\n".join(ordered)


def test_who_comes_too_late_costs_next_to_nothing(api: ApiClient) -> None:
    variant = make_variant(stock=0)
    with statements() as refused:
        answer = api.post("/cart/me/items", {"sku": variant.sku, "quantity": 1})
    assert answer.status_code == 409
    assert len(refused) == 2, "\n".join(refused)
