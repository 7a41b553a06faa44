"""What can be done to a cart. Each verb locks the cart's row, changes its lines, raises its version and touches stock last.

After the commit the lines are copied to Redis for reading. Quantities are absolute below `add_item`, so that a retry is
harmless. `SHOP_HOLD_STOCK_AT` says whether a cart's units are held from the first add or from the start of checkout.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from accounts.models import User
from catalog.models import Variant
from inventory import operations as inventory
from inventory.errors import InsufficientStock
from inventory.models import StockItem
from shop.errors import NotFound
from shop.ids import new_id

from . import store
from .errors import CartClosed, NotSold, QuantityLimit
from .models import CartSnapshot

KEEP_GUESTS = timedelta(days=30)
Line = dict[str, Any]


def open_cart(user: User | AnonymousUser) -> CartSnapshot:
    """The person's open cart, made if there is none; for a guest always a new one, known by its secret id alone."""
    if not user.is_authenticated:
        return CartSnapshot.objects.create()
    return CartSnapshot.objects.get_or_create(user=user, state=CartSnapshot.State.OPEN)[0]


@transaction.atomic
def add_item(cart: CartSnapshot, *, variant: Variant, quantity: int, now: datetime) -> CartSnapshot:
    """Puts `quantity` more units of the variant into the cart.

    Raises NotSold, QuantityLimit, InsufficientStock, CartClosed; then nothing has changed. Locks: cart, then stock.
    """
    if not (variant.is_active and variant.product.is_active):
        raise NotSold
    cart = _locked(cart)
    line = next((line for line in cart.lines if line["sku"] == variant.sku), None)
    if line is None:
        line = {"itemId": new_id("item"), "sku": variant.sku, "quantity": 0, "addedAt": now.isoformat()}
        cart.lines.append(line)
    line["priceMinor"] = variant.price_minor
    return _set(cart, line, line["quantity"] + quantity, now)


@transaction.atomic
def set_quantity(cart: CartSnapshot, item_id: str, *, quantity: int, now: datetime) -> CartSnapshot:
    """Makes the line's quantity `quantity`, at least 1. Raises as `add_item`, NotFound for an unknown line. Locks: cart, then stock."""
    cart = _locked(cart)
    return _set(cart, _line(cart, item_id), quantity, now)


@transaction.atomic
def remove_item(cart: CartSnapshot, item_id: str, *, now: datetime) -> CartSnapshot:
    """Takes the line out and gives its units back. Raises NotFound, CartClosed. Locks: cart, then stock."""
    cart = _locked(cart)
    line = _line(cart, item_id)
    cart.lines.remove(line)
    _save(cart, now)
    inventory.hold(cart.reference, {line["sku"]: 0}, until=now)
    return cart


@transaction.atomic
def clear(cart: CartSnapshot, *, now: datetime) -> CartSnapshot:
    """Empties the cart and gives everything back; a second time changes nothing. Locks: cart, then stock."""
    cart = _locked(cart)
    cart.lines = []
    _save(cart, now)
    inventory.release(cart.reference)
    return cart


@transaction.atomic
def begin_checkout(cart: CartSnapshot, *, now: datetime) -> CartSnapshot:
    """Holds every line for the time that a checkout takes. Only the first start extends holds that still run.

    Raises InsufficientStock for the first line that can't be held. Locks: cart, then stock.
    """
    cart = _locked(cart)
    first = cart.checkout_started_at is None
    due = [line for line in cart.lines if first or not _is_held(line, now)]
    if not due:
        return cart
    until = now + hold_time()
    for line in due:
        line["heldUntil"] = until.isoformat()
    cart.checkout_started_at = cart.checkout_started_at or now
    _save(cart, now)
    inventory.hold(cart.reference, {line["sku"]: line["quantity"] for line in due}, until=until)
    return cart


@transaction.atomic
def merge(guest: CartSnapshot, user: User, *, now: datetime) -> CartSnapshot:
    """Gives a guest's cart to the person who signed in; lines of both are added up, at most the limit of each.

    A line whose sum can't be held stays, without a hold, for the cart page to say so.
    Locks: both carts by id, then stock by SKU.
    """
    own = CartSnapshot.objects.open().filter(user=user).first()
    ids = sorted({guest.pk, own.pk} if own else {guest.pk})
    locked = {
        cart.pk: cart for cart in CartSnapshot.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
    }
    guest = locked[guest.pk]
    if guest.state != CartSnapshot.State.OPEN or guest.user_id is not None:
        return own or guest
    if own is None:
        guest.user = user
        _save(guest, now)
        return guest

    own, lines = locked[own.pk], {line["sku"]: line for line in locked[own.pk].lines}
    incoming = sorted(guest.lines, key=lambda line: line["sku"])
    guest.state, guest.lines = CartSnapshot.State.MERGED, []
    _save(guest, now)
    inventory.release(guest.reference)
    for line in incoming:
        if target := lines.get(line["sku"]):
            target["quantity"] = min(target["quantity"] + line["quantity"], settings.SHOP_MAX_QUANTITY)
        else:
            own.lines.append(target := {**line, "heldUntil": None})
        if settings.SHOP_HOLD_STOCK_AT == "cart":
            _try_to_hold(own, target, now)
    _save(own, now)
    return own


@transaction.atomic
def close(cart: CartSnapshot, *, now: datetime) -> CartSnapshot:
    """Marks the cart as ordered, inside the transaction that places the order. Raises CartClosed. Locks: cart."""
    cart = _locked(cart)
    cart.state = CartSnapshot.State.ORDERED
    _save(cart, now)
    return cart


@transaction.atomic
def reopen(cart: CartSnapshot, *, now: datetime) -> CartSnapshot:
    """Gives the lines of an order that came to nothing back to their shopper, without holds.

    Who has meanwhile begun another cart gets the lines there. Locks: carts by id.
    """
    cart = CartSnapshot.objects.select_for_update(no_key=True).get(pk=cart.pk)
    if cart.state != CartSnapshot.State.ORDERED:
        return cart
    for line in cart.lines:
        line["heldUntil"] = None
    cart.checkout_started_at = None
    newer = CartSnapshot.objects.open().filter(user_id=cart.user_id).first() if cart.user_id else None
    if newer:
        newer = _locked(newer)
        present = {line["sku"] for line in newer.lines}
        newer.lines += [line for line in cart.lines if line["sku"] not in present]
        cart.state = CartSnapshot.State.MERGED
        _save(newer, now)
    else:
        cart.state = CartSnapshot.State.OPEN
    _save(cart, now)
    return newer or cart


def forget_old(now: datetime) -> int:
    """Deletes guests' carts that nobody touched for 30 days; their holds ran out long ago."""
    return CartSnapshot.objects.abandoned(now - KEEP_GUESTS).delete()[0]


def hold_time() -> timedelta:
    return timedelta(minutes=settings.SHOP_HOLD_MINUTES)


def _locked(cart: CartSnapshot) -> CartSnapshot:
    cart = CartSnapshot.objects.select_for_update(no_key=True).get(pk=cart.pk)
    if cart.state != CartSnapshot.State.OPEN:
        raise CartClosed
    return cart


def _line(cart: CartSnapshot, item_id: str) -> Line:
    line = next((line for line in cart.lines if line["itemId"] == item_id), None)
    if line is None:
        raise NotFound
    return line


def _set(cart: CartSnapshot, line: Line, quantity: int, now: datetime) -> CartSnapshot:
    if quantity > settings.SHOP_MAX_QUANTITY:
        raise QuantityLimit(settings.SHOP_MAX_QUANTITY)
    line["quantity"] = quantity
    holds = settings.SHOP_HOLD_STOCK_AT == "cart"
    until = now + hold_time()
    line["heldUntil"] = until.isoformat() if holds else None
    _save(cart, now)
    if holds:
        inventory.hold(cart.reference, {line["sku"]: quantity}, until=until)
    else:
        available = StockItem.objects.available_by_sku([line["sku"]]).get(line["sku"], 0)
        if available < quantity:
            raise InsufficientStock(line["sku"], available)
    return cart


def _is_held(line: Line, now: datetime) -> bool:
    until = line.get("heldUntil")
    return bool(until) and datetime.fromisoformat(until) > now


def _try_to_hold(cart: CartSnapshot, line: Line, now: datetime) -> None:
    until = now + hold_time()
    try:
        with transaction.atomic():
            inventory.hold(cart.reference, {line["sku"]: line["quantity"]}, until=until)
        line["heldUntil"] = until.isoformat()
    except InsufficientStock:
        line["heldUntil"] = None


def _save(cart: CartSnapshot, now: datetime) -> None:
    cart.version += 1
    cart.updated_at = now
    cart.save(update_fields=["user", "state", "lines", "version", "checkout_started_at", "updated_at"])
    transaction.on_commit(_copy(cart), robust=True)


def _copy(cart: CartSnapshot) -> Callable[[], None]:
    return lambda: store.write(cart)
