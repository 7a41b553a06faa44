from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pricing.models import TaxClass, TaxRate
from pricing.operations import Destination, Freight, Item, Quote, make_first_tax_classes, quote, tax_rates, taxed
from pricing.vat import EU_RATES

pytestmark = pytest.mark.django_db
TODAY = date(2026, 7, 1)
GERMANY = Destination("DE")
STANDARD, REDUCED = Decimal("0.19"), Decimal("0.07")


def item(price_minor: int, quantity: int = 1, tax_class: str = "standard") -> Item:
    return Item("SKU", "Mug", quantity, price_minor, price_minor, tax_class)


def priced(*items: Item, freight: int | None = None, includes: bool = True, to: Destination = GERMANY) -> Quote:
    return quote(
        items,
        destination=to,
        freight=None if freight is None else Freight("parcel", "Parcel", freight, "standard"),
        currency="EUR",
        prices_include_tax=includes,
        day=TODAY,
    )


@pytest.mark.parametrize(
    ("price", "rate", "includes", "net", "tax"),
    [
        (11900, "0.19", True, 10000, 1900),
        (10000, "0.19", False, 10000, 1900),
        (2400, "0.19", True, 2017, 383),
        (3, "0.2", True, 2, 1),  # 0.5 exactly
        (9, "0.2", True, 7, 2),  # 1.5 exactly
        (50, "0.19", False, 50, 10),  # 9.5 exactly
        (49, "0.19", False, 49, 9),  # 9.31
        (1, "0.19", True, 1, 0),
        (999, "0", True, 999, 0),
        (0, "0.19", True, 0, 0),
    ],
)
def test_tax_is_rounded_half_up_to_the_minor_unit(price: int, rate: str, includes: bool, net: int, tax: int) -> None:
    amount = taxed(price, Decimal(rate), includes)
    assert (amount.net_minor, amount.tax_minor) == (net, tax)


def test_prices_that_include_tax_are_what_is_paid() -> None:
    sums = priced(item(2400, 2), item(1000, 1, "reduced"), freight=490)
    assert [(line.amount.net_minor, line.amount.tax_minor) for line in sums.lines] == [(4034, 766), (935, 65)]
    assert (sums.freight_amount.net_minor, sums.freight_amount.tax_minor) == (412, 78)
    assert (sums.subtotal_minor, sums.shipping_minor, sums.tax_minor, sums.total_minor) == (5800, 490, 909, 6290)


def test_prices_without_tax_get_it_on_top() -> None:
    sums = priced(item(2400, 2), freight=490, includes=False)
    assert (sums.subtotal_minor, sums.shipping_minor, sums.tax_minor, sums.total_minor) == (4800, 490, 1005, 6295)


def test_tax_is_computed_for_the_line_and_not_for_the_piece() -> None:
    assert priced(item(1, 100), includes=False).tax_minor == 19


def test_an_empty_cart_costs_nothing() -> None:
    assert priced().total_minor == 0


def test_the_rates_are_read_in_one_query_however_many_lines(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        priced(*[item(100)] * 20, freight=490)


class TestRates:
    @pytest.fixture(autouse=True)
    def rates(self) -> None:
        standard = TaxClass.objects.get(code="standard")
        TaxRate.objects.filter(country="DE").delete()
        for region, rate, since, until in (
            ("", "0.16", date(2000, 1, 1), date(2026, 6, 30)),
            ("", "0.19", date(2026, 7, 1), None),
            ("", "0.21", date(2027, 1, 1), None),
            ("Helgoland", "0", date(2020, 1, 1), None),
        ):
            TaxRate.objects.create(
                tax_class=standard,
                country="DE",
                region=region,
                rate=Decimal(rate),
                valid_from=since,
                valid_until=until,
            )

    @pytest.mark.parametrize(
        ("day", "rate"),
        [
            (date(2026, 6, 30), "0.16"),
            (date(2026, 7, 1), "0.19"),
            (date(2026, 12, 31), "0.19"),
            (date(2027, 1, 1), "0.21"),
        ],
    )
    def test_a_rate_holds_from_its_first_day_to_its_last(self, day: date, rate: str) -> None:
        assert tax_rates(GERMANY, day)["standard"] == Decimal(rate)

    def test_a_regions_own_rate_goes_before_its_countrys(self) -> None:
        assert tax_rates(Destination("DE", "Helgoland"), date(2027, 6, 1))["standard"] == 0
        assert tax_rates(Destination("DE", "Bayern"), TODAY)["standard"] == STANDARD

    def test_before_any_rate_there_is_none(self) -> None:
        assert tax_rates(GERMANY, date(1999, 12, 31)) == {}

    def test_a_country_without_rates_is_not_taxed(self) -> None:
        sums = priced(item(2400), to=Destination("CH"))
        assert (sums.tax_minor, sums.total_minor) == (0, 2400)
        assert sums.lines[0].amount.rate == 0

    def test_a_class_without_a_rate_is_not_taxed(self) -> None:
        assert priced(item(2400, 1, "zero")).tax_minor == 0

    @pytest.mark.parametrize("rate", ["-0.01", "1"])
    def test_a_rate_is_a_share(self, rate: str) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            TaxRate.objects.update(rate=Decimal(rate))


class TestStartingOff:
    def test_a_new_shop_has_the_unions_rates(self) -> None:
        assert len(EU_RATES) == 27
        assert tax_rates(GERMANY, TODAY) == {"standard": STANDARD, "reduced": REDUCED}
        assert tax_rates(Destination("DK"), TODAY) == {"standard": Decimal("0.25")}

    def test_a_shop_that_has_its_own_keeps_them(self) -> None:
        TaxRate.objects.all().delete()
        make_first_tax_classes(EU_RATES)
        assert not TaxRate.objects.exists()


LINES = st.lists(
    st.builds(
        item,
        st.integers(0, 10**9),
        st.integers(1, 1000),
        st.sampled_from(["standard", "reduced", "zero", "unknown"]),
    ),
    max_size=8,
)


@pytest.fixture
def countries() -> None:
    """A rate with as many decimals as the column has, beside those of the Union."""
    TaxRate.objects.create(tax_class=TaxClass.objects.get(code="standard"), country="XX", rate=Decimal("0.08875"))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES, st.none() | st.integers(0, 10**6), st.booleans(), st.sampled_from(["DE", "FI", "XX", "CH"]))
def test_every_sum_is_the_sum_of_its_parts(
    countries: None, items: list[Item], freight: int | None, includes: bool, country: str
) -> None:
    sums = priced(*items, freight=freight, includes=includes, to=Destination(country))
    amounts = [line.amount for line in sums.lines] + [sums.freight_amount]
    assert all(amount.net_minor + amount.tax_minor == amount.gross_minor for amount in amounts)
    assert all(amount.tax_minor >= 0 and amount.net_minor >= 0 for amount in amounts)
    assert sums.total_minor == sum(amount.gross_minor for amount in amounts)
    assert sums.tax_minor == sum(amount.tax_minor for amount in amounts)
    on_top = 0 if includes else sums.tax_minor
    assert sums.total_minor == sums.goods_minor + sums.shipping_minor + on_top
    for line in sums.lines:
        exact = line.amount.net_minor * line.amount.rate
        # Half a unit of rounding, and where the price includes the tax, that half taxed once more.
        assert abs(exact - line.amount.tax_minor) <= Decimal("0.5") * (1 + line.amount.rate)
