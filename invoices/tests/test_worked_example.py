"""Three articles, two tax rates, a coupon and a delivery; given back in four parts, to the cent, back to zero.

docs/algorithms/pricing.md has the first half of the sum, docs/decisions/012-invoices.md the second.
"""

from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from cart import operations as carts
from catalog.tests.factories import TaxClassFactory
from checkout.tests.factories import make_cart, make_variant, place_order
from invoices.models import Invoice
from orders.models import Order
from payments import operations as payments
from pricing.tests.factories import coupon

from .factories import pay, write

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("sound")]
NINETEEN, SEVEN = Decimal("0.19000"), Decimal("0.07000")


def bought() -> Order:
    """Three lamps at 9.99, a book at 7.35 and seven cards at 1.33, ten percent off with a code, delivered for 4.90."""
    reduced = TaxClassFactory.create(code="reduced")
    lamp = make_variant(sku="LAMP", price_minor=999)
    book = make_variant(sku="BOOK", price_minor=735, product__tax_class=reduced)
    card = make_variant(sku="CARD", price_minor=133, product__tax_class=reduced)
    coupon("WELCOME10")
    cart = make_cart(lamp, quantity=3)
    for variant, quantity in ((book, 1), (card, 7)):
        cart = carts.add_item(cart, variant=variant, quantity=quantity, now=timezone.now())
    return pay(place_order(cart=cart, payment_method="invoice", coupon_code="WELCOME10"))


def give_back(order: Order, key: str, *, shipping_minor: int = 0, **units: int) -> Invoice:
    lines = {line.sku: line.public_id for line in order.lines.all()}
    payments.refund_lines(
        order,
        {lines[sku]: quantity for sku, quantity in units.items()},
        shipping_minor=shipping_minor,
        reason="Returned",
        key=key,
        now=timezone.now(),
    )
    [note] = write(order)
    return note


def figures(invoice: Invoice) -> dict[str, tuple[int, int, int, int]]:
    return {
        line.sku or "delivery": (line.quantity, line.net_minor, line.tax_minor, line.gross_minor)
        for line in invoice.lines.all()
    }


def rates(invoice: Invoice) -> dict[Decimal, tuple[int, int]]:
    return {each.rate: (each.net_minor, each.tax_minor) for each in invoice.rates}


def test_in_four_parts_back_to_zero() -> None:
    """Goods 46.63, less 4.66: 3.00 of the lamps, 0.73 of the book, 0.93 of the cards, by the largest remainder."""
    order = bought()
    [invoice] = write(order)
    assert figures(invoice) == {
        "LAMP": (3, 2266, 431, 2697),
        "BOOK": (1, 619, 43, 662),
        "CARD": (7, 783, 55, 838),
        "delivery": (1, 412, 78, 490),
    }
    assert rates(invoice) == {NINETEEN: (2678, 509), SEVEN: (1402, 98)}
    assert (invoice.net_minor, invoice.tax_minor, invoice.total_minor) == (4080, 607, 4687)
    assert (order.tax_minor, order.total_minor) == (607, 4687)

    notes = [give_back(order, "one", LAMP=1)]
    assert figures(notes[0]) == {"LAMP": (1, 755, 144, 899)}
    notes.append(give_back(order, "two", CARD=3))
    assert figures(notes[1]) == {"CARD": (3, 335, 24, 359)}
    notes.append(give_back(order, "three", BOOK=1, shipping_minor=200))
    assert figures(notes[2]) == {"BOOK": (1, 619, 43, 662), "delivery": (0, 168, 32, 200)}
    notes.append(give_back(order, "four", LAMP=2, CARD=4, shipping_minor=290))
    assert figures(notes[3]) == {
        "LAMP": (2, 1511, 287, 1798),
        "CARD": (4, 448, 31, 479),
        "delivery": (1, 244, 46, 290),
    }
    assert back_to_zero(order, invoice, notes)
    assert [note.number[-6:] for note in notes] == ["000001", "000002", "000003", "000004"]


@pytest.mark.parametrize("includes_tax", [True, False])
@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
def test_unit_by_unit_in_any_currency(settings: Any, currency: str, includes_tax: bool) -> None:
    """Eleven units in eleven refunds, the delivery in the last but one."""
    settings.SHOP_CURRENCY, settings.SHOP_PRICES_INCLUDE_TAX = currency, includes_tax
    order = bought()
    [invoice] = write(order)
    units = ["LAMP", "CARD", "CARD", "BOOK", "LAMP", "CARD", "CARD", "CARD", "CARD", "LAMP", "CARD"]
    freight = order.shipping_net_minor + order.shipping_tax_minor
    notes = [
        give_back(order, f"unit {number}", shipping_minor=freight if number == 9 else 0, **{sku: 1})
        for number, sku in enumerate(units)
    ]
    assert back_to_zero(order, invoice, notes)


@pytest.mark.parametrize("amounts", [(1,), (1000, 1), (1, 2, 3, 4000)])
def test_amounts_and_then_the_rest(amounts: tuple[int, ...]) -> None:
    order = bought()
    [invoice] = write(order)
    notes = []
    for number, amount in enumerate(amounts):
        payments.refund_amount(order, amount, reason="Scratched", key=f"amount {number}", now=timezone.now())
        notes += write(order)
        assert notes[-1].total_minor == amount
    payments.refund_order(order, reason="All of it", now=timezone.now())
    assert back_to_zero(order, invoice, notes + write(order))


def back_to_zero(order: Order, invoice: Invoice, notes: list[Invoice]) -> bool:
    """Rate by rate and line by line, units and cents: what was invoiced is what was credited and given back."""
    order.refresh_from_db()
    payment = order.payments.get()
    assert order.payment_status == "refunded"
    assert payment.refunded_minor == sum(note.total_minor for note in notes) == invoice.total_minor
    for rate, (net, tax) in rates(invoice).items():
        credited = [rates(note).get(rate, (0, 0)) for note in notes]
        assert (sum(each[0] for each in credited), sum(each[1] for each in credited)) == (net, tax)
    for name, whole in figures(invoice).items():
        parts = [figures(note).get(name, (0, 0, 0, 0)) for note in notes]
        assert tuple(map(sum, zip(*parts, strict=True))) == whole
    return True
