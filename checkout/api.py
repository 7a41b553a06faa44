from datetime import datetime

from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from ninja import Query, Router

from accounts.models import User
from cart import queries as cart_queries
from cart.errors import CartNotFound
from cart.models import CartSnapshot
from orders import queries as order_queries
from orders.models import Order
from orders.operations import Contact
from orders.schemas import OrderAnswer
from payments.models import Payment
from payments.schemas import PaymentAnswer
from pricing.operations import Destination
from shop import failpoints, idempotency, rate_limits
from shop.api import IDEMPOTENT, OPTIONAL_BEARER, Envelope, Failure
from shop.errors import InvalidInput, NotFound
from shop.http import Request
from shop.money import to_minor
from shop.responses import json_response

from . import edits, operations
from .edits import Wish
from .errors import EmptyCart, NotDeliverable
from .limits import limit_holds
from .schemas import (
    DeliveryOptionAnswer,
    DeliveryQuery,
    EditAnswer,
    EditBody,
    EditedOrderAnswer,
    EditPreviewBody,
    PlacedOrderAnswer,
    PlaceOrderBody,
)

router = Router(tags=["Orders"])
PlacedEnvelope = Envelope[PlacedOrderAnswer]
ERRORS = dict.fromkeys((400, 401, 404, 409, 422, 429), Failure)


@router.post(
    "/orders",
    response={201: PlacedEnvelope, **ERRORS},
    by_alias=True,
    openapi_extra=IDEMPOTENT | OPTIONAL_BEARER,
)
def place_order(request: Request, body: PlaceOrderBody) -> HttpResponse:
    """Orders what is in the cart and says how to pay: send the buyer to `payment.redirectUrl` where there is one.

    With an `Idempotency-Key` the request may be repeated: one order, one payment, the same answer.
    """
    rate_limits.check("checkout", request.client_address)
    user = request.user if request.user.is_authenticated else None
    if body.user_id not in {None, "me", user and user.public_id}:
        raise NotFound
    cart_id = body.cart_id or request.session.get(cart_queries.SESSION_KEY, "")
    # Told apart by a prefix: a guest may call a cart what they like, also by a person's id.
    principal = f"user:{user.public_id}" if user else f"cart:{cart_id}" if cart_id else ""
    return idempotency.once(request, principal=principal, action=lambda: place(request, body, user, principal))


@router.post(
    "/orders/{order_id}/edits/preview",
    response={200: Envelope[EditAnswer], **ERRORS},
    by_alias=True,
    openapi_extra=OPTIONAL_BEARER,
)
def preview_edit(request: Request, order_id: str, body: EditPreviewBody) -> Envelope[EditAnswer]:
    """What a change of the order would come to; nothing is changed. 409 says why it can't be made."""
    order = order_queries.get_accessible(request, order_id, permission=order_queries.CHANGE)
    rate_limits.check("checkout", request.client_address)
    outcome = edits.preview(order, wish_of(request, order, body), now=timezone.now())
    return Envelope[EditAnswer](data=EditAnswer.of(outcome))


@router.post(
    "/orders/{order_id}/edits",
    response={200: Envelope[EditedOrderAnswer], 503: Failure, **ERRORS},
    by_alias=True,
    openapi_extra=IDEMPOTENT | OPTIONAL_BEARER,
)
def edit_order(request: Request, order_id: str, body: EditBody) -> HttpResponse:
    """Changes an order of which nothing is packed, at the difference that the preview showed.

    An unpaid order is priced anew: articles that it had keep their price, new ones cost what they cost today. Of a paid
    order units can be taken off; their money goes back. Buyers may for some minutes after placing it, staff until it
    is packed. With an `Idempotency-Key` the request may be repeated.
    """
    order = order_queries.get_accessible(request, order_id, permission=order_queries.CHANGE)
    rate_limits.check("checkout", request.client_address)
    return idempotency.once(request, principal=f"edit:{order_id}", action=lambda: make_edit(request, order, body))


def make_edit(request: Request, order: Order, body: EditBody) -> HttpResponse:
    wish, shown, now = wish_of(request, order, body), body.expected_difference_minor, timezone.now()
    outcome = edits.edit(order, wish, shown_difference_minor=shown, now=now)
    order = Order.objects.with_details().get(pk=order.pk)
    begun = order.payments.unsettled().order_by("id").last() if order.is_open_for_payment else None
    payment = PaymentAnswer.of(begun) if begun else not_begun(order)
    answer = EditedOrderAnswer(**EditAnswer.of(outcome).model_dump(), order=OrderAnswer.of(order), payment=payment)
    return json_response(Envelope[EditedOrderAnswer](data=answer), status=200)


def wish_of(request: Request, order: Order, body: EditPreviewBody) -> Wish:
    address = body.shipping_address.model_dump() if body.shipping_address else None
    return Wish(
        body.quantities, address, order_queries.actor_of(request), by_staff=edits.is_by_staff(request.user, order)
    )


@router.get(
    "/shipping/options",
    response={200: Envelope[list[DeliveryOptionAnswer]], **dict.fromkeys((400, 401, 404, 409), Failure)},
    by_alias=True,
    tags=["Shipping"],
    openapi_extra=OPTIONAL_BEARER,
)
def delivery_options(request: Request, query: Query[DeliveryQuery]) -> Envelope[list[DeliveryOptionAnswer]]:
    """What the delivery costs and when it arrives: the first is what an order gets that names no `shippingMethod`.

    Deliveries the cheapest first, then pick-ups. 409 `not_deliverable` where nothing of ours goes.
    """
    now = timezone.now()
    place = Destination(query.country or settings.SHOP_COUNTRY, query.region, query.postal_code)
    if query.sku:
        found = operations.options_of_article(query.sku, quantity=query.quantity, destination=place, now=now)
    else:
        cart = cart_queries.view(find_cart(request, query.cart_id), now=now, pictures=False)
        buyer = request.user if request.user.is_authenticated else None
        offers = cart_queries.offers(cart, customer=operations.customer_of(buyer, ""), now=now)
        found = cart_queries.delivery_options(cart, destination=place, offers=offers)
    if not found:
        raise NotDeliverable
    answers = [DeliveryOptionAnswer.of(option, settings.SHOP_CURRENCY) for option in found]
    return Envelope[list[DeliveryOptionAnswer]](data=answers)


def place(request: Request, body: PlaceOrderBody, user: User | None, principal: str) -> HttpResponse:
    now = timezone.now()
    failpoints.reach("checkout.before_order")
    given_key = request.headers.get("Idempotency-Key", "")
    key = f"{principal}:{given_key}" if given_key and principal else ""
    order = place_order_once(request, body, user, key=key, now=now)
    payment = operations.start_payment(order, now=now, address=request.client_address)
    placed = PlacedEnvelope(data=answer(order, payment, guest=user is None))
    return json_response(placed, status=201)


def place_order_once(request: Request, body: PlaceOrderBody, user: User | None, *, key: str, now: datetime) -> Order:
    email = body.email or (user.email if user else None)
    if not email:
        raise InvalidInput(fields={"email": ["Needed to order without an account."]})
    billing, total = body.billing_address, body.expected_total
    if body.coupon_code:
        rate_limits.check("coupon", rate_limits.subject_of(request))
    try:
        cart = find_cart(request, body.cart_id)
    except (EmptyCart, CartNotFound):
        # An attempt that died after its commit left an order, and perhaps no cart to find.
        if order := operations.placed_before(key):
            return order
        raise
    limit_holds(request, sum(line["quantity"] for line in cart.lines))
    return operations.place_order(
        cart,
        user=user,
        contact=Contact(email, body.phone),
        shipping_address=body.shipping_address.model_dump(),
        billing_address=billing.model_dump() if billing else None,
        shipping_method=body.shipping_method,
        payment_method=body.payment_method,
        shown_total_minor=None if total is None else to_minor(total, settings.SHOP_CURRENCY),
        key=key,
        now=now,
        coupon_code=body.coupon_code,
    )


def find_cart(request: Request, cart_id: str | None) -> CartSnapshot:
    """The caller's own cart, or the one whose secret id is given. Anybody else's is CartNotFound."""
    if not cart_id:
        cart = cart_queries.current(request)
        if cart is None:
            raise EmptyCart
        return cart
    cart = CartSnapshot.objects.visible_to(request.user).filter(public_id=cart_id).first()
    if cart is None:
        raise CartNotFound
    return cart


def answer(order: Order, payment: Payment | None, *, guest: bool) -> PlacedOrderAnswer:
    order = Order.objects.with_details().get(pk=order.pk)
    return PlacedOrderAnswer(
        **OrderAnswer.values(order),
        payment=PaymentAnswer.of(payment) if payment else not_begun(order),
        order_token=order.access_token if guest else None,
    )


def not_begun(order: Order) -> PaymentAnswer:
    """Nothing is to be paid, or the payment could not begin: the shop's own page begins it again."""
    if not order.is_open_for_payment:
        status = Payment.Status.VOIDED if order.status == Order.Status.CANCELLED else Payment.Status.CAPTURED
        return PaymentAnswer(provider=order.payment_method, status=status)
    pay_page = f"{settings.SHOP_BASE_URL}{reverse('payments:pay', args=[order.public_id])}?token={order.access_token}"
    return PaymentAnswer(provider=order.payment_method, status=Payment.Status.PENDING, redirect_url=pay_page)
