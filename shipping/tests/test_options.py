from datetime import UTC, datetime, time
from typing import Any

import pytest

from shipping.models import Holiday, Rate, ShippingMethod, Zone
from shipping.operations import make_first_method
from shipping.queries import is_served, options, served_countries

pytestmark = pytest.mark.django_db
WEDNESDAY = datetime(2026, 7, 1, 10, tzinfo=UTC)


def codes(country: str = "DE", goods_minor: int = 100, **more: Any) -> list[str]:
    found = options(country=country, goods_minor=goods_minor, now=WEDNESDAY, **more)
    return [option.code for option in found]


def method(code: str, price_minor: int = 300, **values: Any) -> ShippingMethod:
    return ShippingMethod.objects.create(code=code, name=code.title(), price_minor=price_minor, **values)


@pytest.fixture
def alone() -> None:
    """No method but those of the test."""
    ShippingMethod.objects.all().delete()


@pytest.mark.parametrize(("goods", "price"), [(0, 490), (4999, 490), (5000, 0), (9000, 0)])
def test_it_is_free_from_its_value_on(goods: int, price: int) -> None:
    (option,) = options(country="DE", goods_minor=goods, now=WEDNESDAY)
    assert (option.code, option.price_minor) == ("standard", price)
    assert (str(option.first), str(option.last)) == ("2026-07-02", "2026-07-06")


def test_without_a_value_to_reach_it_is_never_free() -> None:
    ShippingMethod.objects.update(free_from_minor=None)
    assert options(country="DE", goods_minor=10**9, now=WEDNESDAY)[0].price_minor == 490


def test_the_cheapest_for_these_goods_comes_first_and_pick_up_last() -> None:
    method("courier")
    method("counter", 0, kind="pickup", pickup_address="Am Speicher 3\nMon to Fri 9 to 18")
    assert codes(goods_minor=100) == ["courier", "standard", "counter"]
    assert codes(goods_minor=5000) == ["standard", "courier", "counter"]


def test_a_method_serves_its_countries_and_only_while_it_is_active() -> None:
    method("alps", 1, countries=["AT", "CH"])
    method("gone", 0, is_active=False)
    assert codes("DE") == ["standard"]
    assert codes("CH") == ["alps", "standard"]


def test_a_shop_that_has_a_method_keeps_its_own() -> None:
    ShippingMethod.objects.update(code="own")
    make_first_method()
    assert ShippingMethod.objects.get().code == "own"


# --- Zones


@pytest.fixture
def zones(alone: None) -> None:
    """Germany without its islands, Hamburg's own courier, Bavaria's, the world; Norway is a zone without a method."""
    germany = Zone.objects.create(name="Germany", countries=["DE"], excluded_postal_codes=["27498", "25980...25999"])
    hamburg = Zone.objects.create(name="Hamburg", countries=["DE"], postal_codes=["20", "21"])
    bavaria = Zone.objects.create(name="Bavaria", countries=["DE"], regions=["Bavaria", "Bayern"])
    islands = Zone.objects.create(name="Islands", countries=["DE"], postal_codes=["27498", "25980...25999"])
    world = Zone.objects.create(name="World")
    Zone.objects.create(name="Norway", countries=["NO"])
    for zone in (germany, hamburg, bavaria, islands, world):
        method(zone.name.lower(), zone=zone)


@pytest.mark.parametrize(
    ("country", "region", "postal_code", "expected"),
    [
        ("DE", "", "10115", ["germany"]),
        ("DE", "", "", ["germany"]),
        ("DE", "", "20095", ["hamburg"]),
        ("DE", "", " 2 1-149", ["hamburg"]),
        ("DE", "bayern ", "80331", ["bavaria"]),
        ("DE", "Bayern", "20095", ["hamburg"]),
        ("DE", "", "27498", ["islands"]),
        ("DE", "", "25979", ["germany"]),
        ("DE", "", "25980", ["islands"]),
        ("DE", "", "25999", ["islands"]),
        ("DE", "", "26000", ["germany"]),
        ("FR", "", "20095", ["world"]),
        ("NO", "", "0150", []),
    ],
)
def test_the_narrowest_zone_serves(
    zones: None, country: str, region: str, postal_code: str, expected: list[str]
) -> None:
    assert codes(country, region=region, postal_code=postal_code) == expected
    assert is_served(country, region, postal_code) is bool(expected)


def test_what_no_narrower_zone_takes_in_goes_to_the_wider_one_or_nowhere(zones: None) -> None:
    Zone.objects.get(name="Islands").delete()
    assert codes("DE", postal_code="27498") == ["world"]
    Zone.objects.get(name="World").delete()
    assert codes("DE", postal_code="27498") == []
    assert codes("DE", postal_code="10115") == ["germany"]


def test_a_method_of_every_zone_serves_besides(zones: None) -> None:
    method("letter", 100)
    assert codes("NO") == ["letter"]
    assert codes("DE", postal_code="20095") == ["letter", "hamburg"]


@pytest.mark.parametrize(
    ("without", "served"),
    [([], ["DE", "FR"]), (["World"], ["DE"]), (["World", "Germany", "Hamburg", "Bavaria"], ["DE"]),
     (["World", "Germany", "Hamburg", "Bavaria", "Islands"], []), (["Norway"], ["DE", "FR", "NO"])],
)  # fmt: skip
def test_a_country_is_served_when_some_place_of_it_is(zones: None, without: list[str], served: list[str]) -> None:
    Zone.objects.filter(name__in=without).delete()
    assert served_countries(["DE", "FR", "NO"]) == served


def test_a_method_that_is_off_serves_nobody(zones: None) -> None:
    ShippingMethod.objects.update(is_active=False)
    assert served_countries(["DE", "FR", "NO"]) == []
    assert not is_served("DE")


# --- Tables


def table(basis: str, *rows: tuple[int, int], **values: Any) -> ShippingMethod:
    found = method("table", 500, basis=basis, **values)
    Rate.objects.bulk_create(Rate(method=found, from_value=value, price_minor=price) for value, price in rows)
    return found


@pytest.mark.parametrize(
    ("basis", "carried", "price"),
    [
        ("weight", {"weight_grams": 0}, 500),
        ("weight", {"weight_grams": 1999}, 500),
        ("weight", {"weight_grams": 2000}, 900),
        ("weight", {"weight_grams": 9999}, 900),
        ("weight", {"weight_grams": 10**9}, 1500),
        ("price", {"goods_minor": 2000}, 900),
        ("price", {"goods_minor": 1999}, 500),
        ("quantity", {"quantity": 10_000}, 1500),
        ("flat", {"weight_grams": 10**9}, 500),
    ],
)
def test_the_highest_row_that_is_reached_sets_the_price(
    alone: None, basis: str, carried: dict[str, int], price: int
) -> None:
    table(basis, (10_000, 1500), (2000, 900))
    (option,) = options(**{"country": "DE", "goods_minor": 0, "now": WEDNESDAY, **carried})  # type: ignore[arg-type]
    assert option.price_minor == price


def test_free_from_goes_before_the_table(alone: None) -> None:
    table("weight", (0, 900), free_from_minor=5000)
    assert options(country="DE", goods_minor=5000, weight_grams=50, now=WEDNESDAY)[0].price_minor == 0


@pytest.mark.parametrize(
    ("carried", "taken"),
    [
        ({"goods_minor": 999}, False),
        ({"goods_minor": 1000}, True),
        ({"goods_minor": 2000}, True),
        ({"goods_minor": 2001}, False),
        ({"goods_minor": 1000, "weight_grams": 5000}, True),
        ({"goods_minor": 1000, "weight_grams": 5001}, False),
    ],
)
def test_a_method_takes_no_more_than_it_carries(alone: None, carried: dict[str, int], taken: bool) -> None:
    method("van", min_goods_minor=1000, max_goods_minor=2000, max_weight_grams=5000)
    assert bool(options(country="DE", now=WEDNESDAY, **carried)) is taken  # type: ignore[arg-type]


# --- Days


@pytest.mark.parametrize(
    ("holiday", "country", "leaves", "first"),
    [
        (None, "FR", "2026-07-01", "2026-07-02"),
        (("2026-07-01", "DE"), "FR", "2026-07-02", "2026-07-03"),
        (("2026-07-01", "FR"), "FR", "2026-07-01", "2026-07-02"),
        (("2026-07-02", "DE"), "FR", "2026-07-01", "2026-07-02"),
        (("2026-07-02", "FR"), "FR", "2026-07-01", "2026-07-03"),
        (("2026-07-02", ""), "FR", "2026-07-01", "2026-07-03"),
        (("2026-07-02", "IT"), "FR", "2026-07-01", "2026-07-02"),
    ],
)
def test_parcels_rest_on_the_holidays_of_where_they_are(holiday: Any, country: str, leaves: str, first: str) -> None:
    if holiday:
        Holiday.objects.create(date=holiday[0], country=holiday[1], name="Feast")
    found = options(country=country, goods_minor=1, now=WEDNESDAY)[0].estimate
    assert (str(found.leaves), str(found.first)) == (leaves, first)


def test_a_pick_up_is_ready_where_the_shop_is(alone: None) -> None:
    Holiday.objects.create(date="2026-07-01", country="FR", name="Feast")
    method("counter", 0, kind="pickup", pickup_address="Am Speicher 3", min_days=0, max_days=0, cut_off=time(14))
    (option,) = options(country="FR", goods_minor=1, now=WEDNESDAY)
    assert str(option.first) == str(option.last) == "2026-07-01"
    assert option.pickup_address == "Am Speicher 3"
    assert option.estimate.time_left(WEDNESDAY) == "2 h"  # 12:00 in Berlin


@pytest.mark.parametrize("methods", [1, 6])
def test_however_many_methods_it_asks_four_times(alone: None, methods: int, django_assert_num_queries: Any) -> None:
    zone = Zone.objects.create(name="Germany", countries=["DE"])
    for number in range(methods):
        found = method(f"m{number}", zone=zone, basis="weight")
        Rate.objects.create(method=found, from_value=0, price_minor=100)
    with django_assert_num_queries(4):
        assert len(codes("DE")) == methods
    ShippingMethod.objects.update(basis="flat")
    with django_assert_num_queries(3):
        assert len(codes("DE")) == methods


def test_links_carry_the_number_quoted() -> None:
    found = ShippingMethod(tracking_url="https://carrier.example/track?n={number}")
    assert found.link(" JD 01/46 ") == "https://carrier.example/track?n=JD%2001%2F46"
    assert found.link("") == "" == ShippingMethod().link("JD01")
