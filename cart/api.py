import re

from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from ninja import Router

from accounts.models import User
from catalog.models import Product, Variant
from shop import idempotency
from shop.api import IDEMPOTENT, OPTIONAL_BEARER, Envelope, Failure
from shop.errors import InvalidInput, NotFound
from shop.http import Request
from shop.responses import json_response

from . import operations, queries, store
from .errors import CartNotFound
from .limits import holder_of, limit, limit_codes
from .models import CartSnapshot
from .schemas import AddItemBody, CartAnswer, CouponBody, QuantityBody

router = Router(tags=["Cart"])
router.add_decorator(never_cache, mode="view")
CartEnvelope = Envelope[CartAnswer]
CART_ID = re.compile(r"cart_\w{1,40}", re.ASCII)
WRITES = {200: CartEnvelope, 400: Failure, 401: Failure, 404: Failure, 409: Failure, 429: Failure}


@router.get(
    "/cart/{user_id}",
    response={200: CartEnvelope, 401: Failure, 404: Failure},
    by_alias=True,
    openapi_extra=OPTIONAL_BEARER,
)
def get_cart(request: HttpRequest, user_id: str) -> CartEnvelope:
    """`userId` is the caller's own id or `me`; a guest's cart is named by its secret `cartId`."""
    return answer(request, find(request, user_id))


@router.post(
    "/cart/{user_id}/items",
    response=WRITES | {422: Failure},
    by_alias=True,
    openapi_extra=IDEMPOTENT | OPTIONAL_BEARER,
)
def add_item(request: Request, user_id: str, body: AddItemBody) -> HttpResponse:
    """Adds units and holds them for a while. Without a cart, `me` begins one: keep the answer's `cartId`.

    With an `Idempotency-Key` an addition whose answer was lost may be sent again, once there is a user or a cart.
    """

    def add() -> HttpResponse:
        return json_response(added(request, user_id, body), status=200)

    return idempotency.once(request, principal=principal(request, user_id), action=add)


def principal(request: HttpRequest, name: str) -> str:
    """Whose keys these are: told apart by a prefix, since a guest may call a cart what they like."""
    if request.user.is_authenticated:
        return f"user:{request.user.public_id}"
    cart_id = request.session.get(queries.SESSION_KEY, "") if name == "me" else name
    return f"cart:{cart_id}" if CART_ID.fullmatch(cart_id) else ""


def added(request: Request, user_id: str, body: AddItemBody) -> CartEnvelope:
    limit(request, units=body.quantity)
    variant = find_variant(body)
    operations.refuse_sold_out(variant.sku, body.quantity)
    # One transaction: a first article that can't be added leaves no empty cart behind.
    with transaction.atomic():
        cart = find(request, user_id) or operations.open_cart(request.user, holder=holder_of(request))
        cart = operations.add_item(cart, variant=variant, quantity=body.quantity, now=timezone.now())
    # A client without cookies keeps the id itself; it gets no cookie from here.
    if user_id == "me" and settings.SESSION_COOKIE_NAME in request.COOKIES and cart.user_id is None:
        request.session[queries.SESSION_KEY] = cart.public_id
    return answer(request, cart)


@router.put("/cart/{user_id}/items/{item_id}", response=WRITES, by_alias=True, openapi_extra=OPTIONAL_BEARER)
def set_quantity(request: Request, user_id: str, item_id: str, body: QuantityBody) -> CartEnvelope:
    """Sets the quantity of a line; to take the line out, use DELETE."""
    limit(request, units=body.quantity)
    cart = operations.set_quantity(found(request, user_id), item_id, quantity=body.quantity, now=timezone.now())
    return answer(request, cart)


@router.delete("/cart/{user_id}/items/{item_id}", response=WRITES, by_alias=True, openapi_extra=OPTIONAL_BEARER)
def remove_item(request: Request, user_id: str, item_id: str) -> CartEnvelope:
    limit(request)
    return answer(request, operations.remove_item(found(request, user_id), item_id, now=timezone.now()))


@router.post("/cart/{user_id}/clear", response=WRITES, by_alias=True, openapi_extra=OPTIONAL_BEARER)
def clear(request: Request, user_id: str) -> CartEnvelope:
    limit(request)
    cart = find(request, user_id)
    return answer(request, operations.clear(cart, now=timezone.now()) if cart else None)


@router.post("/cart/{user_id}/coupon", response=WRITES, by_alias=True, openapi_extra=OPTIONAL_BEARER)
def add_coupon(request: Request, user_id: str, body: CouponBody) -> CartEnvelope:
    """Keeps a code with the cart. One that takes nothing off now is among `rejectedCoupons`, with the reason."""
    limit_codes(request)
    return answer(request, operations.add_coupon(found(request, user_id), body.code, now=timezone.now()))


@router.delete("/cart/{user_id}/coupon", response=WRITES, by_alias=True, openapi_extra=OPTIONAL_BEARER)
def remove_coupon(request: Request, user_id: str, code: str = "") -> CartEnvelope:
    """Takes out the code that `?code=` names; without it, all of them."""
    limit(request)
    return answer(request, operations.remove_coupons(found(request, user_id), code, now=timezone.now()))


def find(request: HttpRequest, name: str) -> CartSnapshot | None:
    """The cart that `name` means to this caller, None where their own is not begun. CartNotFound for anybody else's."""
    user = request.user
    if name == "me" or (user.is_authenticated and name == user.public_id):
        return queries.current(request)
    if name.startswith("cart_"):
        cart = store.read(name)
        mine = cart is not None and (cart.user_id is None or cart.user_id == user.pk)
        if not cart or not mine or cart.state == CartSnapshot.State.MERGED:
            raise CartNotFound
        return cart
    may_look = request.method == "GET" and user.is_staff and user.has_perm("cart.view_cartsnapshot")
    if may_look and (owner := User.objects.filter(public_id=name).first()):
        return CartSnapshot.objects.open().filter(user=owner).first()
    raise CartNotFound


def found(request: HttpRequest, name: str) -> CartSnapshot:
    if cart := find(request, name):
        return cart
    raise CartNotFound


def find_variant(body: AddItemBody) -> Variant:
    variants = Variant.objects.select_related("product").filter(product__in=Product.objects.published())
    if body.sku:
        variants = variants.filter(sku=body.sku)
    if body.variant_id:
        variants = variants.filter(public_id=body.variant_id)
    if body.product_id:
        variants = variants.filter(product__public_id=body.product_id)
    candidates = list(variants.filter(is_active=True)[:2])
    if not candidates:
        raise NotFound("There is no such article.", code="article_not_found")
    if len(candidates) > 1:
        raise InvalidInput(fields={"variantId": ["This product has several variants: choose one by variantId or sku."]})
    return candidates[0]


def answer(request: HttpRequest, cart: CartSnapshot | None) -> CartEnvelope:
    owner = None
    if cart and cart.user_id:
        owner = request.user if cart.user_id == request.user.pk else User.objects.get(pk=cart.user_id)
    elif cart is None and request.user.is_authenticated:
        owner = request.user
    now = timezone.now()
    shown = queries.view(cart, now=now)
    offers = queries.offers(shown, customer=queries.customer_of(owner or request.user), now=now)
    off = queries.discounts(shown, offers=offers)
    user_id = owner.public_id if owner else None
    return CartEnvelope(data=CartAnswer.of(shown, off, user_id=user_id, currency=settings.SHOP_CURRENCY))
