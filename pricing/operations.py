"""`quote()`: the only place where a total is computed. docs/algorithms/pricing.md tells the rules with examples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from shop.money import half_up

from .models import TaxClass, TaxRate


@dataclass(frozen=True)
class Item:
    """What is to be priced. Amounts in minor units, as listed: with tax where the shop's prices include it."""

    sku: str
    name: str
    quantity: int
    unit_price_minor: int
    list_price_minor: int
    tax_class: str


@dataclass(frozen=True)
class Freight:
    code: str
    name: str
    price_minor: int
    tax_class: str


@dataclass(frozen=True)
class Destination:
    country: str
    region: str = ""


@dataclass(frozen=True)
class Amount:
    """net + tax = gross, in minor units."""

    net_minor: int
    tax_minor: int
    rate: Decimal

    @property
    def gross_minor(self) -> int:
        return self.net_minor + self.tax_minor


@dataclass(frozen=True)
class QuotedLine:
    item: Item
    amount: Amount
    discount_minor: int = 0

    @property
    def subtotal_minor(self) -> int:
        return self.item.unit_price_minor * self.item.quantity


@dataclass(frozen=True)
class Quote:
    """Priced lines and totals: what a buyer is shown, what an order copies and what a provider is asked for."""

    currency: str
    prices_include_tax: bool
    lines: tuple[QuotedLine, ...]
    freight: Freight | None
    freight_amount: Amount

    @property
    def subtotal_minor(self) -> int:
        return sum(line.subtotal_minor for line in self.lines)

    @property
    def discount_minor(self) -> int:
        return sum(line.discount_minor for line in self.lines)

    @property
    def goods_minor(self) -> int:
        return self.subtotal_minor - self.discount_minor

    @property
    def shipping_minor(self) -> int:
        return self.freight.price_minor if self.freight else 0

    @property
    def tax_minor(self) -> int:
        return sum(line.amount.tax_minor for line in self.lines) + self.freight_amount.tax_minor

    @property
    def total_minor(self) -> int:
        return sum(line.amount.gross_minor for line in self.lines) + self.freight_amount.gross_minor


def quote(
    items: Sequence[Item],
    *,
    destination: Destination,
    freight: Freight | None,
    currency: str,
    prices_include_tax: bool,
    day: date,
) -> Quote:
    """Prices `items` and their freight for a destination on a day. Reads tax rates in one query; writes nothing."""
    rates = tax_rates(destination, day)
    lines = []
    for item in items:
        price = item.unit_price_minor * item.quantity
        lines.append(QuotedLine(item, taxed(price, rates.get(item.tax_class, Decimal(0)), prices_include_tax)))
    freight_rate = rates.get(freight.tax_class, Decimal(0)) if freight else Decimal(0)
    freight_amount = taxed(freight.price_minor if freight else 0, freight_rate, prices_include_tax)
    return Quote(currency, prices_include_tax, tuple(lines), freight, freight_amount)


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
