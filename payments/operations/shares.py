"""What of an order a refund is: its lines' and its delivery's frozen prices, cut so that the parts add up exactly.

Each part is cut from what is left. So whoever gives a line back in any number of parts has given back its net, its tax
and its gross to the last minor unit, and a refund that failed in between leaves nothing wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum
from django.db.models.functions import Coalesce

from orders.models import Order, OrderLine
from payments.errors import NothingLeft, RefundTooLarge
from payments.models import Refund, RefundLine
from shop.errors import InvalidInput
from shop.money import allocate, half_up


@dataclass(frozen=True, slots=True)
class Part:
    """Minor units. `quantity` is in units of the line."""

    net_minor: int
    tax_minor: int
    quantity: int = 0

    @property
    def gross_minor(self) -> int:
        return self.net_minor + self.tax_minor


@dataclass(frozen=True, slots=True)
class Shares:
    """Parts of an order by its lines' public ids, and of its delivery."""

    lines: Mapping[str, Part]
    shipping: Part

    @property
    def gross_minor(self) -> int:
        return sum(part.gross_minor for part in self.lines.values()) + self.shipping.gross_minor


NOTHING = Part(0, 0)


def left_of(order: Order) -> Shares:
    """What of the order has neither been given back nor been promised back. For a guard, its payments are locked."""
    living = RefundLine.objects.filter(order_line__order=order, refund__in=Refund.objects.living())
    sums = living.values_list("order_line_id").annotate(Sum("net_minor"), Sum("tax_minor"), Sum("quantity"))
    gone = {line: Part(net, tax, quantity) for line, net, tax, quantity in sums}
    lines = {
        line.public_id: _minus(Part(line.net_minor, line.tax_minor, line.quantity), gone.get(line.pk, NOTHING))
        for line in order.lines.all()
    }
    delivered = Refund.objects.living().filter(payment__order=order)
    freight = delivered.aggregate(
        net=Coalesce(Sum("shipping_net_minor"), 0), tax=Coalesce(Sum("shipping_tax_minor"), 0)
    )
    whole = Part(order.shipping_net_minor, order.shipping_tax_minor)
    return Shares(lines, _minus(whole, Part(freight["net"], freight["tax"])))


def of_lines(left: Shares, quantities: Mapping[str, int], shipping_minor: int) -> Shares:
    """So many units of each line and so much of the delivery. Raises InvalidInput, NothingLeft, RefundTooLarge."""
    if any(quantity < 1 for quantity in quantities.values()) or shipping_minor < 0:
        raise InvalidInput(fields={"lines": ["A quantity is at least 1, an amount at least 0."]})
    if unknown := set(quantities) - set(left.lines):
        raise InvalidInput(fields={"lines": [f"Not a line of this order: {', '.join(sorted(unknown))}."]})
    if any(quantity > left.lines[line].quantity for line, quantity in quantities.items()):
        raise NothingLeft
    if shipping_minor > left.shipping.gross_minor:
        raise RefundTooLarge("This is more than is left of the delivery's price.")
    return Shares(
        {line: _units(left.lines[line], quantity) for line, quantity in quantities.items()},
        cut(left.shipping, shipping_minor),
    )


def of_amount(left: Shares, amount_minor: int) -> Shares:
    """An amount, spread over what is left by price: each rate bears its part of it. It must not be more than that."""
    names = list(left.lines)
    weights = [*(left.lines[name].gross_minor for name in names), left.shipping.gross_minor]
    *amounts, freight = allocate(amount_minor, weights)
    parts = {name: cut(left.lines[name], amount) for name, amount in zip(names, amounts, strict=True) if amount}
    return Shares(parts, cut(left.shipping, freight))


def cut(whole: Part, gross_minor: int, quantity: int = 0) -> Part:
    """`gross_minor` of the whole, with its share of the tax. The last cut takes what is left, to the minor unit."""
    if not gross_minor:
        return Part(0, 0, quantity)
    tax = half_up(Decimal(whole.tax_minor * gross_minor) / whole.gross_minor)
    # Rounded, the tax may leave less net than nothing to the last of several tiny parts.
    tax = min(max(tax, gross_minor - whole.net_minor), gross_minor, whole.tax_minor)
    return Part(gross_minor - tax, tax, quantity)


def split(shares: Shares, amounts: list[int]) -> list[Shares]:
    """The shares in several refunds of these amounts, which add up to theirs: for an order that was paid in parts.

    The units are counted where a line's first money is.
    """
    rest, made = shares, []
    for amount in amounts:
        part, rest = _take(rest, amount)
        made.append(part)
    return made


def taxes_by_rate(refund: Refund) -> dict[Decimal, Part]:
    """A refund's net and tax by rate, for a credit note. Empty when it is nothing of the order."""
    order: Order = refund.payment.order
    parts = [
        (line.order_line.tax_rate, Part(line.net_minor, line.tax_minor))
        for line in refund.lines.select_related("order_line")
    ]
    parts.append((order.shipping_tax_rate, Part(refund.shipping_net_minor, refund.shipping_tax_minor)))
    rates: dict[Decimal, Part] = {}
    for rate, part in parts:
        if part.gross_minor:
            sum_ = rates.get(rate, NOTHING)
            rates[rate] = Part(sum_.net_minor + part.net_minor, sum_.tax_minor + part.tax_minor)
    return rates


def store(refund: Refund, shares: Shares) -> None:
    lines = OrderLine.objects.in_bulk(list(shares.lines), field_name="public_id")
    RefundLine.objects.bulk_create(
        RefundLine(
            refund=refund,
            order_line=lines[name],
            quantity=part.quantity,
            net_minor=part.net_minor,
            tax_minor=part.tax_minor,
            gross_minor=part.gross_minor,
        )
        for name, part in shares.lines.items()
    )


def _units(left: Part, quantity: int) -> Part:
    return cut(left, half_up(Decimal(left.gross_minor * quantity) / left.quantity), quantity)


def _take(shares: Shares, amount_minor: int) -> tuple[Shares, Shares]:
    """Line after line, then the delivery, until the amount is full; and what then remains."""
    taken: dict[str, Part] = {}
    rest: dict[str, Part] = {}
    for name, whole in shares.lines.items():
        gross = min(amount_minor, whole.gross_minor)
        if gross or not whole.gross_minor:
            taken[name] = cut(whole, gross, whole.quantity)
        part = taken.get(name, NOTHING)
        if whole.gross_minor > gross:
            rest[name] = _minus(whole, part)
        amount_minor -= gross
    freight = cut(shares.shipping, min(amount_minor, shares.shipping.gross_minor))
    return Shares(taken, freight), Shares(rest, _minus(shares.shipping, freight))


def _minus(whole: Part, part: Part) -> Part:
    return Part(
        whole.net_minor - part.net_minor, whole.tax_minor - part.tax_minor, max(0, whole.quantity - part.quantity)
    )
