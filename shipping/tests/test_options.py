from datetime import date

import pytest

from shipping.models import ShippingMethod, working_days_after
from shipping.operations import make_first_method
from shipping.queries import options

pytestmark = pytest.mark.django_db
WEDNESDAY, FRIDAY, SATURDAY = date(2026, 7, 1), date(2026, 7, 3), date(2026, 7, 4)


@pytest.mark.parametrize(
    ("day", "count", "arrives"),
    [
        (WEDNESDAY, 1, date(2026, 7, 2)),
        (WEDNESDAY, 3, date(2026, 7, 6)),
        (FRIDAY, 1, date(2026, 7, 6)),
        (SATURDAY, 1, date(2026, 7, 6)),
        (WEDNESDAY, 0, WEDNESDAY),
    ],
)
def test_saturdays_and_sundays_bring_no_parcel(day: date, count: int, arrives: date) -> None:
    assert working_days_after(day, count) == arrives


@pytest.mark.parametrize(("goods", "price"), [(0, 490), (4999, 490), (5000, 0), (9000, 0)])
def test_it_is_free_from_its_value_on(goods: int, price: int) -> None:
    (option,) = options(country="DE", goods_minor=goods, today=WEDNESDAY)
    assert (option.code, option.price_minor) == ("standard", price)
    assert (option.first, option.last) == (date(2026, 7, 2), date(2026, 7, 6))


def test_without_a_value_to_reach_it_is_never_free() -> None:
    ShippingMethod.objects.update(free_from_minor=None)
    assert options(country="DE", goods_minor=10**9, today=WEDNESDAY)[0].price_minor == 490


def test_the_cheapest_for_these_goods_comes_first() -> None:
    ShippingMethod.objects.create(code="courier", name="Courier", price_minor=300)
    assert [option.code for option in options(country="DE", goods_minor=100, today=WEDNESDAY)] == [
        "courier",
        "standard",
    ]
    assert [option.code for option in options(country="DE", goods_minor=5000, today=WEDNESDAY)] == [
        "standard",
        "courier",
    ]


def test_a_method_serves_its_countries_and_only_while_it_is_active() -> None:
    ShippingMethod.objects.create(code="alps", name="Alps", price_minor=1, countries=["AT", "CH"])
    ShippingMethod.objects.create(code="gone", name="Gone", price_minor=0, is_active=False)
    assert [option.code for option in options(country="DE", goods_minor=0, today=WEDNESDAY)] == ["standard"]
    assert [option.code for option in options(country="CH", goods_minor=0, today=WEDNESDAY)] == ["alps", "standard"]


def test_a_shop_that_has_a_method_keeps_its_own() -> None:
    ShippingMethod.objects.update(code="own")
    make_first_method()
    assert ShippingMethod.objects.get().code == "own"
