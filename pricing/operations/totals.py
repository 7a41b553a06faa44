"""`quote()`: the only place where a total is computed. docs/algorithms/pricing.md tells the rules with examples."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from .promotions import Applied, Evaluation, Freight, Item, Offers, PricedCart, Rejected, evaluate
from .tax import Amount, Destination, tax_rates, taxed


@dataclass(frozen=True)
class QuotedLine:
    item: Item
    amount: Amount
    discount_minor: int = 0

    @property
    def subtotal_minor(self) -> int:
        return self.item.subtotal_minor


@dataclass(frozen=True)
class Quote:
    """Priced lines and totals: what a buyer is shown, what an order copies and what a provider is asked for.

    `freight` is what the delivery costs after its promotions.
    """

    currency: str
    prices_include_tax: bool
    lines: tuple[QuotedLine, ...]
    freight: Freight | None
    freight_amount: Amount
    evaluation: Evaluation

    @property
    def applied(self) -> tuple[Applied, ...]:
        return self.evaluation.applied

    @property
    def rejected(self) -> tuple[Rejected, ...]:
        return self.evaluation.rejected

    @property
    def refused_codes(self) -> list[Rejected]:
        return self.evaluation.refused_codes

    @property
    def subtotal_minor(self) -> int:
        return sum(line.subtotal_minor for line in self.lines)

    @property
    def discount_minor(self) -> int:
        """What is off the goods."""
        return sum(line.discount_minor for line in self.lines)

    @property
    def goods_minor(self) -> int:
        return self.subtotal_minor - self.discount_minor

    @property
    def full_shipping_minor(self) -> int:
        """The delivery before its promotions."""
        return self.shipping_minor + self.evaluation.freight_discount_minor

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
    offers: Offers | None = None,
) -> Quote:
    """Prices `items` and their freight for a destination on a day, less what is offered (see `queries.offers`).

    Reads tax rates in one query; writes nothing.
    """
    cart = PricedCart(tuple(items), freight, country=destination.country, currency=currency)
    found = evaluate(cart, offers or Offers())
    if freight:
        freight = replace(freight, price_minor=freight.price_minor - found.freight_discount_minor)
    rates = tax_rates(destination, day)
    lines = []
    for item, discount in zip(items, found.discounts, strict=True):
        rate = rates.get(item.tax_class, Decimal(0))
        lines.append(QuotedLine(item, taxed(item.subtotal_minor - discount, rate, prices_include_tax), discount))
    freight_rate = rates.get(freight.tax_class, Decimal(0)) if freight else Decimal(0)
    freight_amount = taxed(freight.price_minor if freight else 0, freight_rate, prices_include_tax)
    return Quote(currency, prices_include_tax, tuple(lines), freight, freight_amount, found)
