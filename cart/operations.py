"""What can be done to a cart. Each verb locks the cart's row, changes its lines, raises its version; stock comes last.

After the commit the lines are copied to Redis for reading. Quantities are absolute below `add_item`, so that a retry is
harmless. `SHOP_HOLD_STOCK_AT` says whether a cart's units are held from the first add or from the start of checkout.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, connection, transaction
from django.db.models import CharField, Q, Sum, Value
from django.db.models.functions import Concat

from accounts.models import User
from catalog.models import Variant
from inventory import operations as inventory
from inventory.errors import InsufficientStock
from inventory.models import Reservation, ReservationQuerySet, StockItem
from pricing import operations as pricing
from pricing.models import Coupon
from shop import outbox
from shop.errors import NotFound
from shop.ids import new_id

from . import store
from .errors import CartClosed, CartFull, CartNotFound, NotSold, QuantityLimit, TooManyCoupons, TooManyHeld
from .models import CartSnapshot

KEEP_GUESTS = timedelta(days=30)
# A cart is read and written whole: without a bound one visitor could make every one of its reads slow.
MAX_LINES = 100
MAX_COUPONS = 5
SAVED = ("user", "holder", "state", "lines", "coupon_codes", "version", "checkout_started_at", "updated_at")
Line: TypeAlias = dict[str, Any]
State: TypeAlias = CartSnapshot.State


def open_cart(user: User | AnonymousUser, *, holder: str = "") -> CartSnapshot:
    """The person's open cart, made if there is none; for a guest always a new one, known by its secret id alone.

    `holder` stands for where the guest is: what all carts begun there hold is capped together.
    """
    if not user.is_authenticated:
        return CartSnapshot.objects.create(holder=holder)
    return CartSnapshot.objects.get_or_create(user=user, state=State.OPEN)[0]


@transaction.atomic
def add_item(cart: CartSnapshot, *, variant: Variant, quantity: int, now: datetime) -> CartSnapshot:
    """Puts `quantity` more units of the variant into the cart.

    Raises NotSold, QuantityLimit, CartFull, TooManyHeld, InsufficientStock, CartClosed; then nothing has changed.
    Locks: cart, its guest's address, then stock.
    """
    if not (variant.is_active and variant.product.is_active):
        raise NotSold
    cart = _locked(cart)
    line = next((line for line in cart.lines if line["sku"] == variant.sku), None)
    if line is None:
        if len(cart.lines) >= MAX_LINES:
            raise CartFull(MAX_LINES)
        line = {"itemId": new_id("item"), "sku": variant.sku, "quantity": 0, "addedAt": now.isoformat()}
        cart.lines.append(line)
    line["priceMinor"] = variant.price_at(now)
    return _set(cart, line, line["quantity"] + quantity, now)


@transaction.atomic
def set_quantity(cart: CartSnapshot, item_id: str, *, quantity: int, now: datetime) -> CartSnapshot:
    """Makes the line's quantity `quantity`, at least 1.

    Raises as `add_item`, and NotFound for an unknown line. Locks: cart, its guest's address, then stock.
    """
    cart = _locked(cart)
    return _set(cart, _line(cart, item_id), quantity, now)


@transaction.atomic
def remove_item(cart: CartSnapshot, item_id: str, *, now: datetime) -> CartSnapshot:
    """Takes the line out and gives its units back. Raises NotFound, CartClosed. Locks: cart, then stock."""
    cart = _locked(cart)
    line = _line(cart, item_id)
    cart.lines.remove(line)
    _save(cart, now)
    _tell(cart, line["sku"], -line["quantity"])
    inventory.hold(cart.reference, {line["sku"]: 0}, until=now)
    return cart


@transaction.atomic
def clear(cart: CartSnapshot, *, now: datetime) -> CartSnapshot:
    """Empties the cart and gives everything back; a second time changes nothing. Locks: cart, then stock."""
    cart = _locked(cart)
    if not cart.lines:
        return cart
    lines, cart.lines = cart.lines, []
    _save(cart, now)
    for line in lines:
        _tell(cart, line["sku"], -line["quantity"])
    inventory.release(cart.reference)
    return cart


@transaction.atomic
def add_coupon(cart: CartSnapshot, code: str, *, now: datetime) -> CartSnapshot:
    """Keeps a code with the cart, spelled as the shop spells it; the same again changes nothing.

    Whether it takes anything off is for each quote to say. Raises CouponInvalid, TooManyCoupons. Locks: cart.
    """
    coupon = pricing.find_coupon(code)
    cart = _locked(cart)
    if coupon.folded in map(Coupon.fold, cart.coupon_codes):
        return cart
    if len(cart.coupon_codes) >= MAX_COUPONS:
        raise TooManyCoupons(MAX_COUPONS)
    cart.coupon_codes.append(coupon.code)
    _save(cart, now)
    return cart


@transaction.atomic
def remove_coupons(cart: CartSnapshot, code: str = "", *, now: datetime) -> CartSnapshot:
    """Takes the code out, or all of them; without it nothing changes. Locks: cart."""
    cart = _locked(cart)
    kept = [each for each in cart.coupon_codes if code and Coupon.fold(each) != Coupon.fold(code)]
    if kept != cart.coupon_codes:
        cart.coupon_codes = kept
        _save(cart, now)
    return cart


@transaction.atomic
def begin_checkout(cart: CartSnapshot, *, now: datetime) -> CartSnapshot:
    """Holds every line for the time that a checkout takes. Only the first start extends holds that still run.

    Raises TooManyHeld, and InsufficientStock for the first line that can't be held.
    Locks: cart, its guest's address, then stock.
    """
    cart = _locked(cart)
    first = cart.checkout_started_at is None
    due = [line for line in cart.lines if first or not is_held(line, now)]
    if not due:
        return cart
    until = now + hold_time()
    for line in due:
        line["heldUntil"] = until.isoformat()
    cart.checkout_started_at = cart.checkout_started_at or now
    _save(cart, now)
    _hold(cart, {line["sku"]: line["quantity"] for line in due}, until=until)
    return cart


@transaction.atomic
def merge(guest: CartSnapshot, user: User, *, now: datetime) -> CartSnapshot:
    """Gives a guest's cart to the person who signed in; lines of both are added up, at most the limit of each.

    A line whose sum can't be held stays, without a hold, for the cart page to say so. A guest's cart that is not open
    any more is left as it is.
    Locks: both carts by id, then the reservations of both, then stock by SKU and warehouse.
    """
    own = CartSnapshot.objects.open().filter(user=user).first()
    carts = _locked_by_id(guest, own)
    if guest.pk not in carts or carts[guest.pk].state != State.OPEN or carts[guest.pk].user_id is not None:
        return own or open_cart(user)
    guest = carts[guest.pk]
    if own is None or carts[own.pk].state != State.OPEN:
        try:
            with transaction.atomic():
                guest.user, guest.holder = user, ""
                _save(guest, now)
        except IntegrityError:
            # Another request of this person has begun their cart since we looked.
            return merge(guest, user, now=now)
        return guest

    own = carts[own.pk]
    merged = [_take_over(own, line) for line in guest.lines]
    # What checkout held already stays held, in its new size.
    to_hold = [line for line in merged if settings.SHOP_HOLD_STOCK_AT == "cart" or line["heldUntil"]]
    guest.state, guest.lines, guest.holder = State.MERGED, [], ""
    _save(guest, now)
    until = now + hold_time()
    quantities = _within_the_cap(own, to_hold)
    refused = inventory.take_over(guest.reference, own.reference, quantities, until=until)
    for line in to_hold:
        kept = quantities[line["sku"]] and line["sku"] not in refused
        line["heldUntil"] = until.isoformat() if kept else None
    _take_over_coupons(own, guest)
    _save(own, now)
    return own


@transaction.atomic
def close(cart: CartSnapshot, *, now: datetime) -> CartSnapshot:
    """Marks the cart as ordered, inside the transaction that places the order. Raises CartClosed. Locks: cart."""
    cart = _locked(cart)
    cart.state, cart.holder = State.ORDERED, ""
    _save(cart, now)
    return cart


@transaction.atomic
def reopen(cart: CartSnapshot, *, now: datetime, bag: CartSnapshot | None = None) -> CartSnapshot:
    """Gives the lines of an order that came to nothing back to their shopper, without holds.

    Who has meanwhile begun another cart gets the lines there: a person's own is found, a guest's is the `bag` that
    their session names. Locks: carts by id.
    """
    newer = CartSnapshot.objects.open().filter(user_id=cart.user_id).first() if cart.user_id else bag
    carts = _locked_by_id(cart, newer)
    cart = carts[cart.pk]
    if cart.state != State.ORDERED:
        return cart
    for line in cart.lines:
        line["heldUntil"] = None
    cart.checkout_started_at = None
    if newer and carts[newer.pk].state == State.OPEN:
        newer = carts[newer.pk]
        present = {line["sku"] for line in newer.lines}
        newer.lines += [line for line in cart.lines if line["sku"] not in present]
        _take_over_coupons(newer, cart)
        cart.state = State.MERGED
        _save(newer, now)
        _save(cart, now)
        return newer
    try:
        with transaction.atomic():
            cart.state = State.OPEN
            _save(cart, now)
    except IntegrityError:
        # Another request of this person has begun a cart since we looked.
        return reopen(cart, now=now)
    return cart


def refuse_sold_out(sku: str, quantity: int) -> None:
    """Raises InsufficientStock for what can't be had anyway. Whether the rest can, the stock's own guard decides.

    A look that locks and writes nothing: at a sale most who come are too late, and must not keep others waiting.
    """
    available = StockItem.objects.available_by_sku([sku]).get(sku, 0)
    if available < quantity:
        raise InsufficientStock(sku, available)


def forget_old(now: datetime) -> int:
    """Deletes guests' carts that nobody touched for 30 days; their holds ran out long ago."""
    return CartSnapshot.objects.abandoned(now - KEEP_GUESTS).delete()[0]


def hold_time() -> timedelta:
    return timedelta(minutes=settings.SHOP_HOLD_MINUTES)


def _locked(cart: CartSnapshot) -> CartSnapshot:
    """The row as it is now: what the caller has may be a copy, and its cart long forgotten."""
    locked = _locked_by_id(cart).get(cart.pk)
    if locked is None:
        raise CartNotFound
    if locked.state != State.OPEN:
        raise CartClosed
    return locked


def _locked_by_id(*carts: CartSnapshot | None) -> dict[int, CartSnapshot]:
    rows = CartSnapshot.objects.filter(pk__in=[cart.pk for cart in carts if cart])
    return {cart.pk: cart for cart in rows.select_for_update(no_key=True).order_by("pk")}


def _line(cart: CartSnapshot, item_id: str) -> Line:
    line = next((line for line in cart.lines if line["itemId"] == item_id), None)
    if line is None:
        raise NotFound
    return line


def _set(cart: CartSnapshot, line: Line, quantity: int, now: datetime) -> CartSnapshot:
    if quantity > settings.SHOP_MAX_QUANTITY:
        raise QuantityLimit(settings.SHOP_MAX_QUANTITY)
    more, line["quantity"] = quantity - line["quantity"], quantity
    # A line that checkout holds already stays held, in its new size, when the shopper goes back to the cart.
    holds = settings.SHOP_HOLD_STOCK_AT == "cart" or bool(line.get("heldUntil"))
    until = now + hold_time()
    line["heldUntil"] = until.isoformat() if holds else None
    _save(cart, now)
    _tell(cart, line["sku"], more)
    if holds:
        _hold(cart, {line["sku"]: quantity}, until=until)
    else:
        refuse_sold_out(line["sku"], quantity)
    return cart


def _hold(cart: CartSnapshot, quantities: Mapping[str, int], *, until: datetime) -> None:
    """Holds within the cap on what a cart, and a guest's address with all its carts, may hold at a time.

    The address is locked until the commit: of two carts at once, the second counts what the first one took.
    """
    if cart.holder:
        _lock_holder(cart.holder)
    mine = Q(reference=cart.reference, sku__in=quantities)
    held = _held(cart).aggregate(all=Sum("quantity", default=0), replaced=Sum("quantity", filter=mine, default=0))
    wanted = sum(quantities.values())
    if wanted > held["replaced"] and held["all"] - held["replaced"] + wanted > settings.SHOP_MAX_HELD_UNITS:
        raise TooManyHeld(settings.SHOP_MAX_HELD_UNITS)
    inventory.hold(cart.reference, quantities, until=until)


def _lock_holder(holder: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"cart.holder:{holder}"])


def _held(cart: CartSnapshot) -> ReservationQuerySet:
    references = Concat(Value("cart:"), "public_id", output_field=CharField())
    carts = CartSnapshot.objects.of_holder(cart).values_list(references)
    return Reservation.objects.open().holds().filter(reference__in=carts)


def _within_the_cap(cart: CartSnapshot, lines: list[Line]) -> dict[str, int]:
    """What the cart may hold of these lines besides its others: of each all or nothing, the first ones first."""
    quantities = {line["sku"]: line["quantity"] for line in lines}
    room = settings.SHOP_MAX_HELD_UNITS
    room -= _held(cart).exclude(sku__in=quantities).aggregate(units=Sum("quantity", default=0))["units"]
    for sku, quantity in quantities.items():
        if quantity > room:
            quantities[sku] = 0
        room -= quantities[sku]
    return quantities


def is_held(line: Line, now: datetime) -> bool:
    until = line.get("heldUntil")
    return until is not None and datetime.fromisoformat(until) > now


def _take_over(cart: CartSnapshot, line: Line) -> Line:
    target = next((own for own in cart.lines if own["sku"] == line["sku"]), None)
    if target:
        target["quantity"] = min(target["quantity"] + line["quantity"], settings.SHOP_MAX_QUANTITY)
    else:
        cart.lines.append(target := {**line, "heldUntil": None})
    return target


def _take_over_coupons(cart: CartSnapshot, other: CartSnapshot) -> None:
    cart.coupon_codes = list(dict.fromkeys([*cart.coupon_codes, *other.coupon_codes]))[:MAX_COUPONS]


def _save(cart: CartSnapshot, now: datetime) -> None:
    cart.version += 1
    cart.updated_at = now
    cart.save(update_fields=SAVED)
    transaction.on_commit(_copy(cart), robust=True)


def _tell(cart: CartSnapshot, sku: str, units: int) -> None:
    """What was put in or taken out, for figures and recommendations. Names neither a person nor the cart's secret."""
    if units:
        outbox.publish(
            "cart.item_added" if units > 0 else "cart.item_removed",
            key=f"cart.item:{cart.pk}:{cart.version}:{sku}",
            payload={"cart": cart.pk, "sku": sku, "quantity": abs(units)},
            priority=outbox.LATER,
        )


def _copy(cart: CartSnapshot) -> Callable[[], None]:
    return lambda: store.write(cart)
