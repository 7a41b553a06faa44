"""The examples of docs/algorithms/pricing.md are what `quote()` says."""

from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pricing.operations import Candidate, Destination, Quote, quote
from shop.money import to_decimal

from .factories import FREE_DELIVERY, PARCEL, coupon, item, offers, stored_promotion

pytestmark = pytest.mark.django_db
TEXT = (Path(__file__).resolve().parents[2] / "docs" / "algorithms" / "pricing.md").read_text(encoding="utf-8")


def example(*, includes_tax: bool) -> Quote:
    two_for_three: dict[str, Any] = {"action": "buy_x_get_y", "buy_quantity": 2, "get_quantity": 1}
    codes = [
        coupon("WELCOME10"),
        coupon("FREESHIP", of=stored_promotion(name="Free", needs_coupon=True, **FREE_DELIVERY)),
    ]
    return quote(
        [item("MUG", 1000, 3), item("LAMP", 4999)],
        destination=Destination("DE"),
        freight=PARCEL,
        currency="EUR",
        prices_include_tax=includes_tax,
        day=date(2026, 7, 1),
        offers=offers(
            stored_promotion(phase="line", targets=["sku:MUG"], **two_for_three),
            *[Candidate(code.promotion, code) for code in codes],
        ),
    )


def row(name: str, *amounts: int | None) -> str:
    cells = ["" if amount is None else str(to_decimal(amount, "EUR")) for amount in amounts]
    return "| " + " | ".join([name, *cells]).replace("|  |", "| |").replace("|  |", "| |") + " |"


def test_prices_with_tax() -> None:
    sums = example(includes_tax=True)
    sets, welcome, freight = sums.applied
    for index, name in enumerate(("3 mugs", "lamp")):
        line, shares = sums.lines[index], (-sets.shares[index] or None, -welcome.shares[index])
        assert row(name, line.subtotal_minor, *shares, None, line.amount.gross_minor, line.amount.tax_minor) in TEXT
    assert row("delivery", 490, None, None, -freight.amount_minor, sums.shipping_minor, 0) in TEXT
    amounts = [-each.amount_minor for each in (sets, welcome, freight)]
    assert row("total", sums.subtotal_minor + 490, *amounts, sums.total_minor, sums.tax_minor) in TEXT


def test_prices_without_tax() -> None:
    sums = example(includes_tax=False)
    goods, total = (to_decimal(amount, "EUR") for amount in (sums.goods_minor, sums.total_minor))
    mugs, lamp = (to_decimal(line.amount.tax_minor, "EUR") for line in sums.lines)
    assert f"the goods cost {goods} without tax, {mugs} on the mugs and {lamp} on the lamp are added, {total}" in TEXT


def test_shares() -> None:
    shares = [Decimal(700) * left / 6999 / 100 for left in (2000, 4999)]
    assert f"its shares are {shares[0]:.4f} and {shares[1]:.4f}" in TEXT
