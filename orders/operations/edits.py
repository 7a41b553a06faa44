"""What an edit does to an order that is not paid yet: it says another quote. `checkout.edits` decides which."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from catalog.models import Variant
from orders.models import Order, OrderDiscount, OrderLine
from pricing.operations import Quote, QuotedLine
from shop import outbox

from .journal import record, save, tell
from .placing import MAX_NAME

# The history can't be changed, so it must not hold a name or a street that has to be forgotten one day.
PLACE = ("country", "region", "postal_code")
AMOUNTS = ("net_minor", "tax_minor", "gross_minor")


def rewrite(
    order: Order,
    quote: Quote,
    *,
    shipping_address: Mapping[str, Any],
    arrives: tuple[date, date],
    pickup_address: str,
    actor: str,
    now: datetime,
) -> Order:
    """Lets the order say what the quote says, and keeps on record what it said before.

    For an order that the caller has locked and that nobody has paid; stock and promotions are the caller's.
    """
    before = summary(order)
    _write_lines(order, quote)
    order.discounts.all().delete()
    OrderDiscount.objects.bulk_create(
        OrderDiscount(order=order, name=each.name, code=each.code, phase=each.phase, amount_minor=each.amount_minor)
        for each in quote.applied
    )
    if order.billing_address == order.shipping_address:
        order.billing_address = dict(shipping_address)
    order.shipping_address = dict(shipping_address)
    order.delivery_first, order.delivery_last = arrives
    order.pickup_address = pickup_address
    order.subtotal_minor, order.discount_minor = quote.subtotal_minor, quote.discount_minor
    order.shipping_minor, order.tax_minor, order.total_minor = quote.shipping_minor, quote.tax_minor, quote.total_minor
    order.shipping_net_minor = quote.freight_amount.net_minor
    order.shipping_tax_minor = quote.freight_amount.tax_minor
    order.shipping_tax_rate = quote.freight_amount.rate
    order.save()
    order = Order.objects.get(pk=order.pk)
    note_edit(order, "edited", before, actor=actor, now=now)
    return order


def change_address(order: Order, shipping_address: Mapping[str, Any], *, actor: str, now: datetime) -> Order:
    """Sends a locked order elsewhere; its price stays, and so do its invoice and who pays it."""
    before = summary(order)
    order.shipping_address = dict(shipping_address)
    order.save(update_fields=["shipping_address"])
    note_edit(order, "address_changed", before, actor=actor, now=now)
    return order


def note_edit(
    order: Order,
    type: str,
    before: Mapping[str, Any],
    *,
    units: Mapping[str, int] | None = None,
    actor: str,
    now: datetime,
) -> str:
    """Puts an edit on record, with what the order said before and says now, and tells of it; returns its name.

    `units` were paid and taken off, by the lines' public ids: their money has to go back.
    """
    record(order, type, actor=actor, now=now, payload={"before": before, "after": summary(order)})
    save(order, now)
    name = f"{type}:{order.events.filter(type=type).count()}"
    tell("order.edited", order, of=name, priority=outbox.MONEY, edit=name, units=dict(units or {}))
    return name


def summary(order: Order) -> dict[str, Any]:
    """What an edit can change, in minor units, and nothing that names the buyer."""
    return {
        "lines": {line.sku: line.wanted for line in OrderLine.objects.filter(order=order)},
        "shipping_minor": order.shipping_minor,
        "total_minor": order.total_minor,
        "place": {name: order.shipping_address.get(name, "") for name in PLACE},
    }


def _write_lines(order: Order, quote: Quote) -> None:
    """A line that stays is the same row, and keeps its public id."""
    lines = {line.sku: line for line in order.lines.all()}
    quoted = {line.item.sku: line for line in quote.lines}
    order.lines.exclude(sku__in=quoted).delete()
    new = [sku for sku in quoted if sku not in lines]
    variants = dict(Variant.objects.filter(sku__in=new).values_list("sku", "pk"))
    rows = [
        _copy_amounts(
            lines.get(sku)
            or OrderLine(
                order=order,
                variant_id=variants[sku],
                sku=sku,
                name=line.item.name[:MAX_NAME],
                tax_class=line.item.tax_class,
                list_price_minor=line.item.list_price_minor,
                unit_price_minor=line.item.unit_price_minor,
            ),
            line,
        )
        for sku, line in quoted.items()
    ]
    OrderLine.objects.bulk_update([row for row in rows if row.pk], [*AMOUNTS, "quantity", "discount_minor", "tax_rate"])
    OrderLine.objects.bulk_create([row for row in rows if not row.pk])


def _copy_amounts(row: OrderLine, line: QuotedLine) -> OrderLine:
    row.quantity, row.discount_minor, row.tax_rate = line.item.quantity, line.discount_minor, line.amount.rate
    for name in AMOUNTS:
        setattr(row, name, getattr(line.amount, name))
    return row
