"""What stands in a document, copied from the order as it is now. Nothing is computed but what is left of an invoice."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format

from orders.models import Order
from payments.models import Refund
from shop.countries import countries
from shop.money import Money

from ..models import Invoice, InvoiceLine
from ..queries import has_been_paid

Kind, LineKind = Invoice.Kind, InvoiceLine.Kind
SERIES = {Kind.INVOICE: "", Kind.CREDIT_NOTE: "C"}
LONG_DATE = "j F Y"


@dataclass(frozen=True)
class Draft:
    """A document that has all but its number."""

    invoice: Invoice
    lines: list[InvoiceLine]


@dataclass(frozen=True)
class Part:
    """Some of an invoice's line, in units and minor units."""

    quantity: int
    net_minor: int
    tax_minor: int

    def __bool__(self) -> bool:
        return bool(self.quantity or self.net_minor or self.tax_minor)

    @property
    def gross_minor(self) -> int:
        return self.net_minor + self.tax_minor

    def up_to(self, other: "Part") -> "Part":
        return Part(
            min(self.quantity, other.quantity),
            min(self.net_minor, other.net_minor),
            min(self.tax_minor, other.tax_minor),
        )


def invoice_of(order: Order, edition: int) -> Draft:
    """The whole order, its frozen figures copied line by line. Reads lines, discounts and parcels."""
    lines = [
        InvoiceLine(
            kind=LineKind.GOODS,
            order_line=line.public_id,
            sku=line.sku,
            name=line.name,
            quantity=line.quantity,
            unit_price_minor=line.unit_price_minor,
            discount_minor=line.discount_minor,
            tax_rate=line.tax_rate,
            net_minor=line.net_minor,
            tax_minor=line.tax_minor,
            gross_minor=line.gross_minor,
        )
        for line in order.lines.all()
    ]
    if order.shipping_method or order.shipping_minor:
        lines.append(_freight(order))
    left_on = [parcel.shipped_at for parcel in order.shipments.all() if parcel.shipped_at]
    has_left = order.fulfillment_status not in {
        Order.FulfillmentStatus.UNFULFILLED,
        Order.FulfillmentStatus.PARTIALLY_FULFILLED,
    }
    first, last = order.delivery_first, order.delivery_last
    if has_left and left_on:
        first, last = timezone.localdate(min(left_on)), timezone.localdate(max(left_on))
    invoice = Invoice(
        kind=Kind.INVOICE,
        series=SERIES[Kind.INVOICE],
        edition=edition,
        supplied_from=first,
        supplied_to=last,
        is_supplied=has_left,
        seller=seller(),
        buyer=buyer_of(order),
        order=order,
        order_number=order.number,
        ordered_on=timezone.localdate(order.placed_at),
        payment_note=payment_note(order),
        currency=order.currency,
        prices_include_tax=order.prices_include_tax,
        discounts=[{"name": each.name, "code": each.code, "amount_minor": each.amount_minor} for each in order.applied],
    )
    return _summed(invoice, lines)


def credit_of(invoice: Invoice, order: Order, refund: Refund) -> Draft | None:
    """What the refund gave back of the invoice's lines and delivery; None when all that was credited already."""
    parts = {
        line.order_line.public_id: Part(line.quantity, line.net_minor, line.tax_minor) for line in refund.lines.all()
    }
    net, tax = refund.shipping_net_minor, refund.shipping_tax_minor
    # The delivery as a unit is given back with its last cent.
    freight = left_of(next((line for line in invoice.lines.all() if line.kind == LineKind.SHIPPING), None))
    parts[""] = Part(int((net, tax) == (freight.net_minor, freight.tax_minor) and bool(net or tax)), net, tax)
    note = f"{Money(refund.amount_minor, invoice.currency)} goes back the way you paid."
    return _credit(invoice, order, parts, reason=refund.reason, note=note, refund_id=refund.public_id)


def credit_of_the_rest(invoice: Invoice, order: Order, reason: str) -> Draft | None:
    """Everything of the invoice that no credit note has taken back; None when nothing is left."""
    lines = list(invoice.lines.all())
    parts = {line.order_line: left_of(line) for line in lines}
    has_notes = any(line.credits.all() for line in lines)
    if has_notes and not any(part.gross_minor for part in parts.values()):
        return None
    note = f"This cancels what is left of invoice {invoice.number}."
    return _credit(invoice, order, parts, reason=reason, note=note)


def left_of(line: InvoiceLine | None) -> Part:
    """What of an invoice's line is not credited yet. Reads prefetched credits."""
    if line is None:
        return Part(0, 0, 0)
    credits = line.credits.all()
    return Part(
        line.quantity - sum(each.quantity for each in credits),
        line.net_minor - sum(each.net_minor for each in credits),
        line.tax_minor - sum(each.tax_minor for each in credits),
    )


def seller() -> dict[str, Any]:
    return {
        "name": settings.SHOP_SELLER_NAME,
        "lines": settings.SHOP_SELLER_ADDRESS,
        "tax_id": settings.SHOP_SELLER_TAX_ID,
        "footer": settings.SHOP_SELLER_FOOTER,
    }


def buyer_of(order: Order) -> dict[str, Any]:
    billing, delivery = address_lines(order.billing_address), address_lines(order.shipping_address)
    return {
        "lines": billing,
        "country": order.billing_address.get("country", ""),
        "delivery": [] if delivery == billing or order.pickup_address else delivery,
        "email": order.email,
    }


def address_lines(address: Mapping[str, Any]) -> list[str]:
    town = " ".join(filter(None, [address.get("postal_code", ""), address.get("city", "")]))
    region, country = address.get("region", ""), address.get("country", "")
    lines = [
        address.get("full_name", ""),
        address.get("line1", ""),
        address.get("line2", ""),
        f"{town}, {region}" if region else town,
        countries().get(country, country),
    ]
    return [line for line in lines if line]


def payment_note(order: Order) -> str:
    total = str(Money(order.total_minor, order.currency))
    if has_been_paid(order):
        return f"Paid: {order.get_payment_method_display().lower()}. Nothing is left to pay."
    if order.payment_method == Order.PaymentMethod.COD:
        return f"Please pay {total} to the courier."
    if order.payment_method != Order.PaymentMethod.INVOICE:
        return ""
    until = f" by {long_date(timezone.localdate(order.payment_due_at))}" if order.payment_due_at else ""
    account = "".join(f"\n{line}" for line in settings.SHOP_BANK_ACCOUNT)
    return f"Please transfer {total}{until} and name the order {order.number}.{account}"


def long_date(day: date) -> str:
    return date_format(day, LONG_DATE)


def _credit(
    invoice: Invoice, order: Order, parts: Mapping[str, Part], *, reason: str, note: str, refund_id: str = ""
) -> Draft | None:
    """Never more than is left of a line: what was credited once is not credited again, whatever is asked."""
    lines = []
    for line in invoice.lines.all():
        if part := parts.get(line.order_line, Part(0, 0, 0)).up_to(left_of(line)):
            lines.append(_credited(line, part, shows_tax=invoice.prices_include_tax))
    if not lines:
        return None
    note_of = Invoice(
        kind=Kind.CREDIT_NOTE,
        series=SERIES[Kind.CREDIT_NOTE],
        corrects=invoice,
        refund_id=refund_id,
        reason=reason,
        supplied_from=invoice.supplied_from,
        supplied_to=invoice.supplied_to,
        is_supplied=invoice.is_supplied,
        seller=seller(),
        buyer=invoice.buyer,
        order=order,
        order_number=invoice.order_number,
        ordered_on=invoice.ordered_on,
        payment_note=note,
        currency=invoice.currency,
        prices_include_tax=invoice.prices_include_tax,
    )
    return _summed(note_of, lines)


def _credited(line: InvoiceLine, part: Part, *, shows_tax: bool) -> InvoiceLine:
    shown = part.gross_minor if shows_tax else part.net_minor
    return InvoiceLine(
        corrects=line,
        kind=line.kind,
        order_line=line.order_line,
        sku=line.sku,
        name=line.name,
        quantity=part.quantity,
        unit=line.unit,
        unit_price_minor=line.unit_price_minor if part.quantity else shown,
        discount_minor=line.unit_price_minor * part.quantity - shown if part.quantity else 0,
        tax_rate=line.tax_rate,
        net_minor=part.net_minor,
        tax_minor=part.tax_minor,
        gross_minor=part.gross_minor,
    )


def _freight(order: Order) -> InvoiceLine:
    return InvoiceLine(
        kind=LineKind.SHIPPING,
        name=order.shipping_name or "Delivery",
        quantity=1,
        unit="",
        unit_price_minor=order.full_shipping_minor,
        discount_minor=order.full_shipping_minor - order.shipping_minor,
        tax_rate=order.shipping_tax_rate,
        net_minor=order.shipping_net_minor,
        tax_minor=order.shipping_tax_minor,
        gross_minor=order.shipping_net_minor + order.shipping_tax_minor,
    )


def _summed(invoice: Invoice, lines: Iterable[InvoiceLine]) -> Draft:
    lines = list(lines)
    invoice.net_minor = sum(line.net_minor for line in lines)
    invoice.tax_minor = sum(line.tax_minor for line in lines)
    invoice.total_minor = invoice.net_minor + invoice.tax_minor
    return Draft(invoice, lines)
