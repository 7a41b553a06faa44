import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from accounts.models import User
from catalog.models import Variant
from orders.models import Order, OrderDiscount, OrderLine
from pricing.operations import Quote

from .journal import Status, record, tell

MAX_NAME = 300  # a variant with long options may have a longer one
# Crockford's alphabet: no letter that is read as a digit on the telephone.
NUMBER_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True)
class Contact:
    email: str
    phone: str = ""


def create_order(
    quote: Quote,
    *,
    user: User | None,
    contact: Contact,
    shipping_address: Mapping[str, Any],
    billing_address: Mapping[str, Any],
    payment_method: str,
    payment_due_at: datetime | None,
    cart_reference: str,
    idempotency_key: str,
    now: datetime,
    arrives: tuple[date, date] | None = None,
    pickup_address: str = "",
) -> Order:
    """Writes down the quote verbatim as a pending order and tells of it. Stock is the caller's, last of all.

    `arrives` is the first and the last day of arrival that the buyer was told.
    """
    freight = quote.freight
    order = Order.objects.create(
        number=new_number(),
        user=user,
        cart_reference=cart_reference,
        idempotency_key=idempotency_key,
        email=contact.email,
        phone=contact.phone,
        shipping_address=dict(shipping_address),
        billing_address=dict(billing_address),
        shipping_method=freight.code if freight else "",
        shipping_name=freight.name if freight else "",
        delivery_first=arrives[0] if arrives else None,
        delivery_last=arrives[1] if arrives else None,
        pickup_address=pickup_address,
        payment_method=payment_method,
        payment_due_at=payment_due_at,
        currency=quote.currency,
        prices_include_tax=quote.prices_include_tax,
        subtotal_minor=quote.subtotal_minor,
        discount_minor=quote.discount_minor,
        shipping_minor=quote.shipping_minor,
        shipping_net_minor=quote.freight_amount.net_minor,
        shipping_tax_minor=quote.freight_amount.tax_minor,
        shipping_tax_rate=quote.freight_amount.rate,
        tax_minor=quote.tax_minor,
        total_minor=quote.total_minor,
        placed_at=now,
        updated_at=now,
    )
    variants = dict(Variant.objects.filter(sku__in=[line.item.sku for line in quote.lines]).values_list("sku", "pk"))
    OrderLine.objects.bulk_create(
        OrderLine(
            order=order,
            variant_id=variants[line.item.sku],
            sku=line.item.sku,
            name=line.item.name[:MAX_NAME],
            quantity=line.item.quantity,
            list_price_minor=line.item.list_price_minor,
            unit_price_minor=line.item.unit_price_minor,
            discount_minor=line.discount_minor,
            net_minor=line.amount.net_minor,
            tax_minor=line.amount.tax_minor,
            gross_minor=line.amount.gross_minor,
            tax_rate=line.amount.rate,
            tax_class=line.item.tax_class,
        )
        for line in quote.lines
    )
    OrderDiscount.objects.bulk_create(
        OrderDiscount(order=order, name=each.name, code=each.code, phase=each.phase, amount_minor=each.amount_minor)
        for each in quote.applied
    )
    actor = user.public_id if user else "guest"
    record(order, "placed", actor=actor, now=now, to_status=Status.PENDING, payload={"total_minor": order.total_minor})
    tell("order.placed", order)
    return order


def new_number() -> str:
    """For people: short, unguessable enough to tell no sales figures, worthless as a credential."""
    digits = [secrets.choice(NUMBER_ALPHABET) for _ in range(8)]
    return "".join(digits[:4]) + "-" + "".join(digits[4:])
