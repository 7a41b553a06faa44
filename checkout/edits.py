"""Changes to an order before anything of it is packed. docs/decisions/013-order-edits.md has the rules.

Who asks names what each article's quantity shall be. An order that nobody paid is priced anew and says the new quote.
From a paid one units can be taken off, and their frozen share goes back.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.utils import timezone

from accounts.models import User
from catalog.models import Variant
from catalog.queries import item_of
from inventory import operations as inventory
from orders import operations as orders
from orders.models import Order, OrderLine
from orders.queries import CHANGE
from payments import operations as payments
from payments.errors import NothingLeft, ProviderUnavailable, RefundTooLarge
from pricing import operations as pricing
from pricing.errors import PriceChanged
from pricing.operations import Destination, Freight, Item, Offers, PricedCart, Quote
from pricing.queries import offers as offered
from shipping.queries import Option, options
from shop.errors import InvalidInput

from . import operations
from .errors import EditNeedsOrder, NotDeliverable, NotEditable, PaymentBegun

log = logging.getLogger(__name__)
Status, PaymentStatus = Order.Status, Order.PaymentStatus
REASON = "order changed"


@dataclass(frozen=True)
class Wish:
    """What somebody wants changed: articles by SKU, each with the quantity that it shall have, and where it goes.

    `by_staff` is not bound to the minutes that buyers have.
    """

    quantities: Mapping[str, int]
    shipping_address: Mapping[str, Any] | None
    actor: str
    by_staff: bool = False


@dataclass(frozen=True)
class ChangedLine:
    sku: str
    name: str
    unit_price_minor: int
    before: int
    after: int


@dataclass(frozen=True)
class Outcome:
    """What an edit comes to, in minor units: `difference_minor` is to pay, or to go back where it is below nothing."""

    order: Order
    lines: list[ChangedLine]
    difference_minor: int
    # Of a paid order: what was taken off by line, and the name under which it is refunded once.
    units: Mapping[str, int]
    edit: str

    @property
    def refund_minor(self) -> int:
        return -self.difference_minor if self.units else 0

    @property
    def total_minor(self) -> int:
        """Of an unpaid order, what is to be paid now; of a paid one, what it will have cost."""
        return self.order.total_minor if not self.units else self.order.total_minor + self.difference_minor


def is_editable(order: Order, *, by_staff: bool, now: datetime) -> bool:
    """Nothing is packed, the money is either all there or not begun, and a buyer is still in time."""
    is_whole = order.fulfillment_status == Order.FulfillmentStatus.UNFULFILLED and not order.shipments.all()
    is_in_time = by_staff or now < order.placed_at + timedelta(minutes=settings.SHOP_EDIT_MINUTES)
    return is_whole and is_in_time and (order.is_open_for_payment or is_reducible(order))


def is_by_staff(user: User | AnonymousUser, order: Order) -> bool:
    """Staff are buyers like others where an order is their own."""
    return user.is_staff and user.has_perm(CHANGE) and order.user_id != user.pk


def is_reducible(order: Order) -> bool:
    return order.status == Status.CONFIRMED and order.payment_status in {
        PaymentStatus.PAID,
        PaymentStatus.PARTIALLY_REFUNDED,
    }


def preview(order: Order, wish: Wish, *, now: datetime) -> Outcome:
    """What the edit would come to. It is the edit itself, rolled back: whatever would refuse it refuses this, too.

    Raises as `edit`. Locks: as `edit`, for a moment.
    """
    with transaction.atomic():
        outcome = _edit(order, wish, now=now)
        transaction.set_rollback(True)
    return outcome


def edit(order: Order, wish: Wish, *, shown_difference_minor: int, now: datetime) -> Outcome:
    """Makes the edit at the difference that was shown. The same wish again changes nothing more.

    An open payment is closed first, so that nobody pays the old total; for what is to pay now it begins anew.
    Raises NotEditable, EditNeedsOrder, PaymentBegun, PriceChanged, NotDeliverable, InsufficientStock, CouponUsedUp,
    InvalidInput, ProviderUnavailable. Calls the provider: not inside a transaction.
    Locks: the order, then its coupons, promotions, reservations, stock; afterwards as a payment or a refund.
    """
    _agree(preview(order, wish, now=now), shown_difference_minor)
    for payment in order.payments.unsettled():
        payments.end_session(payment, now=now)
    with transaction.atomic():
        outcome = _edit(order, wish, now=now, is_final=True)
        _agree(outcome, shown_difference_minor)
    if outcome.units:
        try:
            refund(outcome.order, outcome.units, edit=outcome.edit, now=now)
        except ProviderUnavailable:
            log.warning("the refund of edit %s of order %s follows", outcome.edit, order.public_id)
    else:
        operations.start_payment(outcome.order, now=now)
    outcome.order.refresh_from_db()
    return outcome


def refund(order: Order, units: Mapping[str, int], *, edit: str, now: datetime) -> None:
    """Gives back the share of units that were taken off a paid order, once for each edit.

    Calls the provider: not inside a transaction. Locks: as `payments.refund_lines`.
    """
    try:
        payments.refund_lines(order, units, reason=REASON, key=f"{order.public_id}:{edit}", now=now)
    except (NothingLeft, RefundTooLarge):
        # The whole order was cancelled meanwhile, and all its money went back with it.
        log.info("nothing is left to refund of edit %s of order %s", edit, order.public_id)


def _edit(order: Order, wish: Wish, *, now: datetime, is_final: bool = False) -> Outcome:
    order = _locked(order)
    if not is_editable(order, by_staff=wish.by_staff, now=now):
        raise NotEditable
    lines = {line.sku: line for line in order.lines.all()}
    changes = {
        sku: quantity
        for sku, quantity in wish.quantities.items()
        if quantity != (lines[sku].wanted if sku in lines else 0)
    }
    address = dict(wish.shipping_address or order.shipping_address)
    if not order.is_open_for_payment:
        return _reduce(order, lines, changes, address, wish, now=now)
    if is_final and order.payments.unsettled().exists():
        raise PaymentBegun
    return _rewrite(order, lines, changes, address, wish, now=now)


def _rewrite(
    order: Order,
    lines: Mapping[str, OrderLine],
    changes: Mapping[str, int],
    address: Mapping[str, Any],
    wish: Wish,
    *,
    now: datetime,
) -> Outcome:
    before = order.total_minor
    wanted = {sku: line.quantity for sku, line in lines.items()} | dict(changes)
    items = _items({sku: quantity for sku, quantity in wanted.items() if quantity}, lines, now=now)
    if not items:
        raise InvalidInput(fields={"items": ["Nothing would be left of the order: cancel it instead."]})
    if not changes and address == order.shipping_address:
        return Outcome(order, [], 0, {}, "")
    # Its own uses must not stand in its way when the limits of coupons are looked at.
    customer = operations.customer_of(order.user, order.email, besides=order)
    codes = [each.code for each in order.applied if each.code]
    pricing.give_back(order.reference)
    offers = offered(codes, customer=customer, now=now)
    option, quote = _quoted(order, items, operations.destination_of(address), offers, now=now)
    order = orders.rewrite(
        order,
        quote,
        shipping_address=address,
        arrives=(option.first, option.last),
        pickup_address=option.pickup_address,
        actor=wish.actor,
        now=now,
    )
    pricing.claim(quote.applied, reference=order.reference, customer=customer.key, now=now)
    inventory.reallocate(order.reference, operations.quantities(quote), until=order.payment_due_at)
    if not quote.total_minor:
        order = orders.mark_paid(order, payment_reference="nothing to pay", now=now)
    changed = [
        ChangedLine(
            item.sku,
            item.name,
            item.unit_price_minor,
            lines[item.sku].quantity if item.sku in lines else 0,
            item.quantity,
        )
        for item in items
        if item.sku in changes
    ]
    gone = [
        ChangedLine(line.sku, line.name, line.unit_price_minor, line.quantity, 0)
        for sku, line in lines.items()
        if wanted[sku] == 0
    ]
    return Outcome(order, changed + gone, order.total_minor - before, {}, "")


def _reduce(
    order: Order,
    lines: Mapping[str, OrderLine],
    changes: Mapping[str, int],
    address: Mapping[str, Any],
    wish: Wish,
    *,
    now: datetime,
) -> Outcome:
    if any(sku not in lines or quantity > lines[sku].wanted for sku, quantity in changes.items()):
        raise EditNeedsOrder
    if address != order.shipping_address:
        _require_same_way(order, address, now=now)
        order = orders.change_address(order, address, actor=wish.actor, now=now)
    changed = [
        ChangedLine(sku, lines[sku].name, lines[sku].unit_price_minor, lines[sku].wanted, quantity)
        for sku, quantity in changes.items()
    ]
    if not changed:
        return Outcome(order, [], 0, {}, "")
    units = {lines[line.sku].public_id: line.before - line.after for line in changed}
    share = payments.preview_lines(order, units).gross_minor
    before = orders.summary(order)
    order = orders.cancel_units(order, units, reason=REASON, is_refunded=False, actor=wish.actor, now=now)
    name = orders.note_edit(order, "reduced", before, units=units, actor=wish.actor, now=now)
    return Outcome(order, changed, -share, units, name)


def _locked(order: Order) -> Order:
    return Order.objects.select_for_update(no_key=True).get(pk=order.pk)


def _agree(outcome: Outcome, shown_minor: int) -> None:
    if outcome.difference_minor != shown_minor:
        raise PriceChanged(shown_minor=shown_minor, total_minor=outcome.difference_minor)


def _items(wanted: Mapping[str, int], lines: Mapping[str, OrderLine], *, now: datetime) -> list[Item]:
    rows = Variant.objects.select_related("product__tax_class", "product__category", "product__brand")
    variants = {variant.sku: variant for variant in rows.filter(sku__in=wanted)}
    for sku in wanted:
        variant = variants.get(sku)
        if variant is None or not (sku in lines or (variant.is_active and variant.product.is_active)):
            raise InvalidInput(fields={"items": [f"Not an article that is sold: {sku}."]})
    return [_item(variants[sku], quantity, lines.get(sku), now=now) for sku, quantity in wanted.items()]


def _item(variant: Variant, quantity: int, line: OrderLine | None, *, now: datetime) -> Item:
    """A line that the order has keeps its price and name; a new article costs what it costs today."""
    if quantity > settings.SHOP_MAX_QUANTITY and (line is None or quantity > line.quantity):
        raise InvalidInput(fields={"items": [f"At most {settings.SHOP_MAX_QUANTITY} of one article."]})
    item = item_of(variant, quantity=quantity, now=now)
    if line is None:
        return item
    return replace(
        item,
        name=line.name,
        unit_price_minor=line.unit_price_minor,
        list_price_minor=line.list_price_minor,
        tax_class=line.tax_class,
    )


def _quoted(
    order: Order, items: list[Item], place: Destination, offers: Offers, *, now: datetime
) -> tuple[Option, Quote]:
    """Priced by the rates of the day on which it was placed, delivered in the way that the buyer chose."""
    goods = PricedCart(tuple(items), None, country=place.country, currency=order.currency)
    off = pricing.evaluate(goods, offers).discount_minor
    option = _option(order, items, place, goods_minor=sum(item.subtotal_minor for item in items) - off, now=now)
    quote = pricing.quote(
        items,
        destination=place,
        freight=Freight(option.code, option.name, option.price_minor, option.method.tax_class),
        currency=order.currency,
        prices_include_tax=order.prices_include_tax,
        day=timezone.localdate(order.placed_at),
        offers=offers,
    )
    return option, quote


def _option(order: Order, items: list[Item], place: Destination, *, goods_minor: int, now: datetime) -> Option:
    grams = dict(Variant.objects.filter(sku__in=[item.sku for item in items]).values_list("sku", "weight_grams"))
    found = options(
        country=place.country,
        region=place.region,
        postal_code=place.postal_code,
        goods_minor=goods_minor,
        weight_grams=sum((grams[item.sku] or 0) * item.quantity for item in items),
        quantity=sum(item.quantity for item in items),
        now=now,
    )
    chosen = next((option for option in found if option.code == order.shipping_method), None)
    if chosen is None:
        raise NotDeliverable
    return chosen


def _require_same_way(order: Order, address: Mapping[str, Any], *, now: datetime) -> None:
    """A paid parcel goes elsewhere only where the tax is the same and the delivery costs the same."""
    old, new = operations.destination_of(order.shipping_address), operations.destination_of(address)
    if (old.country, old.region) != (new.country, new.region):
        raise EditNeedsOrder("A paid order can't go to another country or region: cancel it and order again.")
    lines = {line.sku: line for line in order.lines.all() if line.wanted}
    items = _items({sku: line.wanted for sku, line in lines.items()}, lines, now=now)
    goods = order.subtotal_minor - order.discount_minor
    ways = [_option(order, items, place, goods_minor=goods, now=now) for place in (old, new)]
    if ways[0].price_minor != ways[1].price_minor:
        raise EditNeedsOrder("The delivery there has another price: cancel the order and order again.")
