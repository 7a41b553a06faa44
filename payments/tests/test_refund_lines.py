"""Refunds by line: tax-correct, and in any number of parts back to zero."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from orders.models import Order
from payments import operations
from payments.errors import KeyReused, NothingLeft, RefundTooLarge
from payments.models import Payment, Refund, RefundLine
from payments.operations.shares import Part, Shares, cut, of_amount, of_lines, split
from payments.providers.stripe import client
from shop.errors import InvalidInput

from .sandbox import Sandbox

CLOSED_PORT = "http://127.0.0.1:9"
minor = st.integers(0, 10**6)
parts = st.builds(Part, minor, minor, st.integers(1, 9))


@given(parts, st.data())
def test_units_add_up_to_the_line(whole: Part, data: Any) -> None:
    left = Shares({"a": whole}, Part(0, 0))
    net = tax = 0
    while left.lines["a"].quantity:
        quantity = data.draw(st.integers(1, left.lines["a"].quantity))
        part = of_lines(left, {"a": quantity}, 0).lines["a"]
        assert part.net_minor >= 0 <= part.tax_minor
        net, tax = net + part.net_minor, tax + part.tax_minor
        before = left.lines["a"]
        rest = Part(before.net_minor - part.net_minor, before.tax_minor - part.tax_minor, before.quantity - quantity)
        left = Shares({"a": rest}, Part(0, 0))
    assert (net, tax) == (whole.net_minor, whole.tax_minor)


@given(st.lists(parts, min_size=1, max_size=5), parts, st.data())
def test_amounts_and_their_split_add_up(wholes: list[Part], freight: Part, data: Any) -> None:
    left = Shares({str(number): part for number, part in enumerate(wholes)}, freight)
    amount = data.draw(st.integers(0, left.gross_minor))
    shares = of_amount(left, amount)
    assert shares.gross_minor == amount
    assert all(0 <= part.tax_minor <= left.lines[name].tax_minor for name, part in shares.lines.items())

    first = data.draw(st.integers(0, left.gross_minor))
    one, two = split(left, [first, left.gross_minor - first])
    assert (one.gross_minor, two.gross_minor) == (first, left.gross_minor - first)
    for name, whole in left.lines.items():
        both = [part.lines[name] for part in (one, two) if name in part.lines]
        assert sum(part.tax_minor for part in both) == whole.tax_minor
        assert sum(part.quantity for part in both) == whole.quantity


@given(parts, st.data())
def test_a_cut_is_never_less_than_nothing(whole: Part, data: Any) -> None:
    part = cut(whole, data.draw(st.integers(0, whole.gross_minor)))
    assert 0 <= part.net_minor <= whole.net_minor
    assert 0 <= part.tax_minor <= whole.tax_minor


def give_back(order: Order, quantities: dict[str, int], key: str, *, shipping_minor: int = 0) -> list[Refund]:
    return operations.refund_lines(
        order, quantities, shipping_minor=shipping_minor, reason="returned", key=key, now=timezone.now()
    )


def test_unit_by_unit_and_the_freight_back_to_zero(paid: Payment, since: Callable[..., int]) -> None:
    order, line = paid.order, paid.order.lines.get()
    assert line.quantity == 2
    [first] = give_back(order, {line.public_id: 1}, "one")
    part = first.lines.get()
    assert (first.kind, first.status) == ("lines", "succeeded")
    assert (part.quantity, part.gross_minor) == (1, line.gross_minor // 2)
    order.refresh_from_db()
    assert order.payment_status == "partially_refunded"

    freight = order.shipping_net_minor + order.shipping_tax_minor
    [second] = give_back(order, {line.public_id: 1}, "two", shipping_minor=freight)
    paid.refresh_from_db()
    order.refresh_from_db()
    assert order.payment_status == "refunded"
    assert paid.refunded_minor == paid.captured_minor == order.total_minor
    taxes = [operations.taxes_by_rate(refund) for refund in (first, second)]
    assert sum(part.tax_minor for each in taxes for part in each.values()) == order.tax_minor
    assert set().union(*taxes) == {Decimal("0.19000")}
    assert since("refunds", "succeeded") == 2
    assert operations.left_of(order).gross_minor == 0


def test_more_units_than_are_left(paid: Payment) -> None:
    line = paid.order.lines.get()
    with pytest.raises(NothingLeft):
        give_back(paid.order, {line.public_id: 3}, "three")
    give_back(paid.order, {line.public_id: 2}, "both")
    with pytest.raises(NothingLeft):
        give_back(paid.order, {line.public_id: 1}, "again")


@pytest.mark.parametrize("quantities", [{"item_of_another": 1}, {"item_of_another": 0}])
def test_what_is_not_a_line(paid: Payment, quantities: dict[str, int]) -> None:
    with pytest.raises(InvalidInput):
        give_back(paid.order, quantities, "foreign")


def test_more_freight_than_was_paid(paid: Payment) -> None:
    with pytest.raises(RefundTooLarge):
        give_back(paid.order, {}, "freight", shipping_minor=491)


def test_same_key_is_one_refund(paid: Payment, since: Callable[..., int]) -> None:
    line = paid.order.lines.get()
    assert give_back(paid.order, {line.public_id: 1}, "once") == give_back(paid.order, {line.public_id: 1}, "once")
    with pytest.raises(KeyReused):
        give_back(paid.order, {line.public_id: 2}, "once")
    assert since("refunds") == 1


def test_an_amount_bears_its_tax_and_lessens_what_the_units_give(paid: Payment) -> None:
    line = paid.order.lines.get()
    [goodwill] = operations.refund_amount(paid.order, 1000, reason="scratched", key="goodwill", now=timezone.now())
    assert goodwill.kind == "amount"
    assert sum(part.gross_minor for part in operations.taxes_by_rate(goodwill).values()) == 1000
    assert goodwill.lines.get().quantity == 0

    [rest] = operations.refund_order(paid.order, reason="all of it", now=timezone.now())
    assert (rest.kind, rest.lines.get().quantity) == ("lines", 2)
    assert sum(part.tax_minor for part in RefundLine.objects.filter(order_line=line)) == line.tax_minor


def test_preview_is_what_comes(paid: Payment) -> None:
    line = paid.order.lines.get()
    shown = operations.preview_lines(paid.order, {line.public_id: 1}, shipping_minor=100)
    [made] = give_back(paid.order, {line.public_id: 1}, "shown", shipping_minor=100)
    assert shown.gross_minor == made.amount_minor
    assert shown.shipping.tax_minor == made.shipping_tax_minor


def test_a_refused_refund_frees_its_units(paid: Payment) -> None:
    intent = paid.events.get(kind="capture", phase="success").external_ref
    client().v1.refunds.create({"payment_intent": intent})
    line = paid.order.lines.get()
    [refused] = give_back(paid.order, {line.public_id: 2}, "refused")
    assert refused.status == "failed"
    assert operations.left_of(paid.order).lines[line.public_id].quantity == 2


def test_promised_units_are_not_promised_again(paid: Payment, sandbox: Sandbox, settings: Any) -> None:
    line = paid.order.lines.get()
    settings.STRIPE_API_BASE = CLOSED_PORT
    assert give_back(paid.order, {line.public_id: 2}, "away")[0].status == "requested"
    with pytest.raises(NothingLeft):
        give_back(paid.order, {line.public_id: 1}, "more")
    settings.STRIPE_API_BASE = sandbox.url


def test_the_last_unit_twice_at_once(paid: Payment, since: Callable[..., int]) -> None:
    line = paid.order.lines.get()
    give_back(paid.order, {line.public_id: 1}, "first")

    def again(key: str) -> str:
        try:
            return give_back(paid.order, {line.public_id: 1}, key)[0].status
        except NothingLeft:
            return "refused"
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(again, ["a", "b", "c", "d"]))
    assert outcomes == ["refused", "refused", "refused", "succeeded"]
    assert since("refunds") == 2
