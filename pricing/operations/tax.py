"""Tax of an amount, and which rate holds where and when."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from shop.money import half_up

from ..models import TaxClass, TaxRate


@dataclass(frozen=True)
class Destination:
    """Taxes look at country and region; who delivers there looks at the postal code too."""

    country: str
    region: str = ""
    postal_code: str = ""


@dataclass(frozen=True)
class Amount:
    """net + tax = gross, in minor units."""

    net_minor: int
    tax_minor: int
    rate: Decimal

    @property
    def gross_minor(self) -> int:
        return self.net_minor + self.tax_minor


def taxed(price_minor: int, rate: Decimal, includes_tax: bool) -> Amount:
    """Half up to the minor unit: `tax = gross * r / (1 + r)` where prices include it, else `tax = net * r`."""
    if includes_tax:
        tax = half_up(price_minor * rate / (1 + rate))
        return Amount(price_minor - tax, tax, rate)
    return Amount(price_minor, half_up(price_minor * rate), rate)


def tax_rates(destination: Destination, day: date) -> Mapping[str, Decimal]:
    """Rate by code of tax class. A region's own rate goes before its country's, a later one before an earlier one."""
    rows = TaxRate.objects.valid_on(day).filter(country=destination.country, region__in={"", destination.region})
    ordered = rows.order_by("region", "valid_from").values_list("tax_class__code", "rate")
    return dict(ordered)


def make_first_tax_classes(rates: Mapping[str, Sequence[Decimal | None]]) -> None:
    """Gives a shop without tax classes the usual three, with `rates` by country: (standard, reduced)."""
    if TaxClass.objects.exists():
        return
    standard = TaxClass.objects.create(code="standard", name="Standard rate")
    reduced = TaxClass.objects.create(code="reduced", name="Reduced rate")
    TaxClass.objects.create(code="zero", name="No tax")
    TaxRate.objects.bulk_create(
        TaxRate(tax_class=tax_class, country=country, rate=rate)
        for country, pair in rates.items()
        for tax_class, rate in zip((standard, reduced), pair, strict=True)
        if rate is not None
    )
