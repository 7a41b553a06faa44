"""An edit reads articles and writes lines in as many statements for a long order as for a short one."""

import pytest
from django.utils import timezone

from checkout import edits
from checkout.edits import Wish
from orders.models import Order
from payments import operations as payments

from .factories import make_variant, place_order
from .test_statements import statements

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sound")]


def order_of(*skus: str) -> Order:
    order = place_order(*(make_variant(sku=sku) for sku in skus), payment_method="invoice")
    payments.start(order, now=timezone.now())
    return order


def reads(order: Order, **units: int) -> list[str]:
    """Those of one preview that ask for articles or write lines."""
    with statements() as sent:
        edits.preview(order, Wish(units, None, "guest"), now=timezone.now())
    return [sql for sql in sent if "catalog_variant" in sql.split("WHERE")[0] or 'UPDATE "orders_orderline"' in sql]


def test_a_long_order_is_priced_in_as_many_statements_as_a_short_one() -> None:
    short, long = order_of("A", "B"), order_of("C", "D", "E", "F", "G", "H")
    edits.preview(short, Wish({"A": 1}, None, "guest"), now=timezone.now())
    assert len(reads(short, A=1)) == len(reads(long, C=1))
