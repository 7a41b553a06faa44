"""Where a cart becomes an order, and an order that came to nothing a cart again.

docs/algorithms/checkout.md has the walk.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts.models import User
from cart import operations as carts
from cart import queries as cart_queries
from cart.errors import CartClosed
from cart.models import CartSnapshot
from cart.queries import CartView
from catalog.models import Variant
from inventory import operations as inventory
from inventory.errors import InsufficientStock
from orders import operations as orders
from orders import queries as order_queries
from orders.models import Order
from orders.operations import Contact
from payments import operations as payments
from payments import queries as payment_queries
from payments.errors import ProviderUnavailable
from payments.models import Payment
from pricing import operations as pricing
from pricing.errors import CouponNotApplicable, PriceChanged
from pricing.models import Coupon
from pricing.operations import Customer, Destination, Offers, Quote
from shipping.queries import Option, options
from shop import failpoints
from shop.errors import DomainError, NotFound

from .errors import ArticleGone, EmptyCart, MethodNotOffered, NotDeliverable

log = logging.getLogger(__name__)

# For an order that the courier collects for: it is confirmed in the moment after, or never.
TIME_TO_BEGIN = timedelta(minutes=30)
BATCH = 200


@transaction.atomic
def place_order(
    cart: CartSnapshot,
    *,
    user: User | None,
    contact: Contact,
    shipping_address: Mapping[str, Any],
    billing_address: Mapping[str, Any] | None,
    shipping_method: str,
    payment_method: str,
    shown_total_minor: int | None,
    key: str,
    now: datetime,
    coupon_code: str = "",
) -> Order:
    """Makes the cart an order at the price of this moment and promises its stock to it. All or nothing.

    `shown_total_minor` is the total that the buyer agreed to; None agrees to what the quote says, if every code of the
    cart counts in it. `key` is unique to the buyer's one wish to order: the same key again answers the same order.
    Raises CartClosed, EmptyCart, ArticleGone, NotDeliverable, MethodNotOffered, CouponInvalid, CouponNotApplicable,
    PriceChanged, CouponUsedUp, InsufficientStock.
    Locks: cart, then coupons, promotions, the cart's reservations, and stock by SKU.
    """
    if order := placed_before(key):
        return order
    if coupon_code:
        cart = carts.add_coupon(cart, coupon_code, now=now)
    try:
        cart = carts.close(cart, now=now)
    except CartClosed:
        # Behind the lock: of two clicks at once, the second comes here when the first has its order.
        if order := placed_before(key):
            return order
        raise
    shown = cart_queries.view(cart, now=now, pictures=False)
    check(shown)
    refuse_sold_out(shown)
    destination = destination_of(shipping_address)
    customer = customer_of(user, contact.email)
    offers = cart_queries.offers(shown, customer=customer, now=now)
    option = choose_option(shown, destination=destination, code=shipping_method, offers=offers)
    if payment_method not in dict(payment_queries.available_methods()):
        raise MethodNotOffered
    quote = cart_queries.quote(shown, destination=destination, option=option, offers=offers)
    refuse_unless_codes_count(quote, coupon_code, only_that=shown_total_minor is not None)
    if shown_total_minor is not None:
        refuse_other_total(quote, shown, shown_total_minor)
    order = orders.create_order(
        quote,
        user=user,
        contact=contact,
        shipping_address=shipping_address,
        billing_address=billing_address or shipping_address,
        payment_method=payment_method,
        payment_due_at=payment_queries.payment_due_at(payment_method, now) or now + TIME_TO_BEGIN,
        cart_reference=cart.reference,
        idempotency_key=key,
        now=now,
        arrives=(option.first, option.last),
        pickup_address=option.pickup_address,
    )
    pricing.claim(quote.applied, reference=order.reference, customer=customer.key, now=now)
    inventory.allocate(cart.reference, order.reference, quantities(quote), until=order.payment_due_at)
    if not quote.total_minor:
        order = orders.mark_paid(order, payment_reference="nothing to pay", now=now)
    failpoints.reach("checkout.before_commit")
    return order


def placed_before(key: str) -> Order | None:
    """The order that this wish has already led to."""
    return Order.objects.filter(idempotency_key=key).first() if key else None


def start_payment(order: Order, *, now: datetime, address: str = "") -> Payment | None:
    """Begins the payment of a placed order and answers its latest payment; None when none could begin.

    `address` is the visitor's, by which declined cards are counted.

    The order stands either way: its pay page begins again. Calls the provider: not inside a transaction.
    """
    if order.is_open_for_payment:
        try:
            return payments.start(order, now=now, address=address)
        except DomainError as error:
            log.warning("order %s stands, but its payment can't begin: %s", order.public_id, error.code)
            return None
    return order.payments.order_by("id").last()


def check(cart: CartView) -> None:
    """Raises EmptyCart or ArticleGone."""
    if not cart.lines:
        raise EmptyCart
    gone = [line.sku for line in cart.lines if not (line.variant.is_active and line.variant.product.is_active)]
    if gone:
        raise ArticleGone(gone)


def refuse_sold_out(cart: CartView) -> None:
    """Raises InsufficientStock for a line that nothing was ever held for and that can't be had any more.

    The stock's own guard would say so last of all, after the whole order was priced and written: at a sale most are
    told no. A line whose hold has run out may still own its units, and is for the guard alone.
    """
    never_held = {line["sku"] for line in (cart.snapshot.lines if cart.snapshot else []) if not line.get("heldUntil")}
    for line in cart.lines:
        if line.sku in never_held and line.available < line.quantity:
            raise InsufficientStock(line.sku, line.available)


def customer_of(user: User | None, email: str, *, besides: Order | None = None) -> Customer:
    """Whom the limits of promotions count: an account by its own address, whatever contact it gives for this order.

    `besides` is an order of theirs that is being changed: it does not make itself a second one.
    """
    email = user.email if user else email
    if not email:
        return Customer()
    return Customer(pricing.customer_key(email), is_new=not order_queries.has_ordered(user, email, besides=besides))


def refuse_unless_codes_count(quote: Quote, coupon_code: str, *, only_that: bool) -> None:
    """Raises CouponNotApplicable for a code that takes nothing off, though the buyer can't have seen that it doesn't.

    Who agreed to a total agreed to the codes in it; what they name with the order must count all the same.
    """
    for refused in quote.refused_codes:
        if not only_that or Coupon.fold(refused.code) == Coupon.fold(coupon_code):
            raise CouponNotApplicable(refused.message, coupon=refused.code, reason=refused.reason)


def refuse_other_total(quote: Quote, cart: CartView, shown_total_minor: int) -> None:
    """Raises PriceChanged where the buyer agreed to another total than the quote's."""
    if quote.total_minor != shown_total_minor:
        lines = changed_lines(cart)
        raise PriceChanged(shown_minor=shown_total_minor, total_minor=quote.total_minor, lines=lines)


def destination_of(address: Mapping[str, Any]) -> Destination:
    """What taxes and delivery look at in an address."""
    return Destination(str(address["country"]), str(address.get("region", "")), str(address.get("postal_code", "")))


def choose_option(cart: CartView, *, destination: Destination, code: str, offers: Offers) -> Option:
    """The named way to deliver there, or the cheapest for no name. Raises NotDeliverable."""
    options = cart_queries.delivery_options(cart, destination=destination, offers=offers)
    chosen = next((option for option in options if code in {"", option.code}), None)
    if chosen is None:
        raise NotDeliverable
    return chosen


def options_of_article(sku: str, *, quantity: int, destination: Destination, now: datetime) -> list[Option]:
    """The ways of some units of one article to that place. Raises NotFound for an article that isn't sold."""
    variant = Variant.objects.purchasable().filter(sku=sku).first()
    if variant is None:
        raise NotFound("There is no such article.", code="article_not_found")
    return options(
        country=destination.country,
        region=destination.region,
        postal_code=destination.postal_code,
        goods_minor=variant.price_at(now) * quantity,
        weight_grams=(variant.weight_grams or 0) * quantity,
        quantity=quantity,
        now=now,
    )


def changed_lines(cart: CartView) -> list[dict[str, Any]]:
    """The lines whose price is another than when they were put into the cart."""
    return [
        {
            "sku": line.sku,
            "name": line.name,
            "oldPriceMinor": line.seen_price_minor,
            "priceMinor": line.unit_price_minor,
        }
        for line in cart.lines
        if line.seen_price_minor != line.unit_price_minor
    ]


def quantities(quote: Quote) -> dict[str, int]:
    return {line.item.sku: line.item.quantity for line in quote.lines}


# --- Orders that come to nothing


def end_unpaid(now: datetime) -> int:
    """Ends every order whose time to pay has run out, unless its money is there after all; returns how many ended.

    One that fails leaves the others alone. Each call to a provider that is away takes long: its other orders wait.
    """
    ended, away = 0, set()
    for order in Order.objects.payment_due(now).order_by("payment_due_at")[:BATCH]:
        if order.payment_method in away:
            continue
        try:
            ended += end_if_unpaid(order, reason="not paid in time", now=now, only_when_due=True)
        except ProviderUnavailable:
            away.add(order.payment_method)
            log.warning("order %s can't end while its payment provider is away", order.public_id)
        except Exception:
            log.exception("order %s could not be ended", order.public_id)
    return ended


def end_if_unpaid(
    order: Order, *, reason: str, now: datetime, only_when_due: bool = False, bag: CartSnapshot | None = None
) -> bool:
    """Cancels the order and gives its cart back, once no provider can take money for it any more.

    A guest who has begun another `bag` gets the lines there. `only_when_due` leaves an order alone whose buyer has
    begun to pay anew since it was found.

    An open session is closed at the provider and read again; what was paid meanwhile is settled instead. Answers
    whether the order ended. Raises ProviderUnavailable. Calls the provider: not inside a transaction.
    Locks: cart, order, reservations, stock.
    """
    if only_when_due and not is_due(order, now=now):
        return False
    for payment in order.payments.unsettled():
        payments.end_session(payment, now=now)
    with transaction.atomic():
        cart = CartSnapshot.objects.select_for_update(no_key=True).filter(public_id=cart_id(order)).first()
        order = Order.objects.select_for_update(no_key=True).get(pk=order.pk)
        if not order.is_open_for_payment or order.payments.unsettled().exists():
            return False
        if only_when_due and not is_due(order, now=now):
            return False
        if cart:
            carts.reopen(cart, now=now, bag=bag)
        orders.cancel_order(order, actor=orders.SYSTEM, reason=reason, now=now)
    return True


def is_due(order: Order, *, now: datetime) -> bool:
    return Order.objects.payment_due(now).filter(pk=order.pk).exists()


def cart_id(order: Order) -> str:
    return order.cart_reference.removeprefix("cart:")
