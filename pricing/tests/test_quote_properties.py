"""What holds for every bag, every set of promotions and every rate of tax."""

from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pricing.models import ACTIONS, Action, Phase, Promotion
from pricing.operations import Destination, Freight, Item, Quote, quote

from .factories import offers

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 7, 1, tzinfo=UTC)
SKUS = ["A", "B", "C", "D", "E"]


@st.composite
def promotions(draw: Any) -> list[Promotion]:
    made = []
    for number in range(draw(st.integers(0, 4))):
        phase = draw(st.sampled_from([Phase.LINE, Phase.ORDER, Phase.SHIPPING]))
        made.append(
            Promotion(
                pk=number + 1,
                name=f"Offer {number}",
                phase=phase,
                action=draw(st.sampled_from(ACTIONS[phase])),
                percent=draw(st.decimals(0, 100, places=3)),
                amount_minor=draw(st.integers(0, 20_000)),
                buy_quantity=draw(st.integers(1, 3)),
                get_quantity=draw(st.integers(1, 3)),
                targets=draw(st.lists(st.sampled_from([f"sku:{sku}" for sku in SKUS]), max_size=3)),
                excludes_sale_items=draw(st.booleans()),
                min_quantity=draw(st.integers(0, 3)),
                exclusive_group=draw(st.sampled_from(["", "", "one"])),
                combines_with=draw(st.lists(st.sampled_from(list(Phase.values)), unique=True, min_size=2)),
                priority=draw(st.integers(1, 3)),
            )
        )
    return made


@st.composite
def bags(draw: Any) -> list[Item]:
    return [
        Item(
            sku=sku,
            name=sku,
            quantity=draw(st.integers(1, 20)),
            unit_price_minor=(price := draw(st.integers(0, 30_000))),
            list_price_minor=price + draw(st.sampled_from([0, 0, 500])),
            tax_class=draw(st.sampled_from(["standard", "reduced", "zero"])),
            tags=frozenset({f"sku:{sku}"}),
        )
        for sku in draw(st.lists(st.sampled_from(SKUS), unique=True))
    ]


def priced(bag: list[Item], offered: list[Promotion], freight: int, includes: bool) -> Quote:
    return quote(
        bag,
        destination=Destination("DE"),
        freight=Freight("parcel", "Parcel", freight, "standard"),
        currency="EUR",
        prices_include_tax=includes,
        day=date(2026, 7, 1),
        offers=offers(*offered, now=NOW),
    )


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bags(), promotions(), st.integers(0, 2000), st.booleans(), st.randoms(use_true_random=False))
def test_what_always_holds(
    db: None, bag: list[Item], offered: list[Promotion], freight: int, includes: bool, random: Random
) -> None:
    sums = priced(bag, offered, freight, includes)

    # net + tax = gross; lines and delivery are the total.
    for line in sums.lines:
        assert 0 <= line.discount_minor <= line.subtotal_minor
        assert min(line.amount.net_minor, line.amount.tax_minor) >= 0
        assert (line.amount.gross_minor if includes else line.amount.net_minor) == (
            line.subtotal_minor - line.discount_minor
        )
    gross = [line.amount.gross_minor for line in sums.lines]
    assert sums.total_minor == sum(gross) + sums.freight_amount.gross_minor
    assert sums.total_minor == sums.goods_minor + sums.shipping_minor + (0 if includes else sums.tax_minor)

    # What is off is what the promotions say, to the last unit.
    by_phase = {phase: sum(each.amount_minor for each in sums.applied if each.phase == phase) for phase in Phase}
    assert sums.discount_minor == by_phase[Phase.LINE] + by_phase[Phase.ORDER]
    assert by_phase[Phase.SHIPPING] == freight - sums.shipping_minor
    assert sums.full_shipping_minor == freight
    for index, line in enumerate(sums.lines):
        assert line.discount_minor == sum(each.shares[index] for each in sums.applied)
    for each in sums.applied:
        assert each.phase == Phase.SHIPPING or sum(each.shares) == each.amount_minor
    assert {each.promotion for each in sums.applied}.isdisjoint({each.promotion for each in sums.rejected})
    assert len(sums.applied) + len(sums.rejected) == len(offered)

    # The same again is the same; the order of the bag, and that of the promotions, changes nothing.
    assert priced(bag, offered, freight, includes) == sums
    shuffled, others = random.sample(bag, len(bag)), random.sample(offered, len(offered))
    again = priced(shuffled, others, freight, includes)
    assert again.total_minor == sums.total_minor
    assert {line.item.sku: line.discount_minor for line in again.lines} == {
        line.item.sku: line.discount_minor for line in sums.lines
    }
    assert [(each.promotion, each.amount_minor) for each in again.applied] == [
        (each.promotion, each.amount_minor) for each in sums.applied
    ]


@pytest.mark.parametrize("currency", ["JPY", "EUR", "KWD"])
def test_three_thirds_leave_no_unit_over(currency: str) -> None:
    """Whatever the currency's exponent, units are whole."""
    third = Decimal("33.333")
    offered = [
        Promotion(pk=number, name=str(number), phase=Phase.LINE, action=Action.PERCENT, percent=third)
        for number in (1, 2, 3)
    ]
    sums = quote(
        [Item("A", "A", 1, 1000, 1000, "standard")],
        destination=Destination("DE"),
        freight=None,
        currency=currency,
        prices_include_tax=True,
        day=date(2026, 7, 1),
        offers=offers(*offered, now=NOW),
    )
    assert [each.amount_minor for each in sums.applied] == [333, 222, 148]
    assert (sums.total_minor, sums.discount_minor) == (297, 703)
