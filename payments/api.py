import hashlib
from collections import Counter

from django.http import HttpResponse
from django.utils import timezone
from ninja import Router

from orders import queries as orders
from orders.models import Order
from shop import idempotency
from shop.api import IDEMPOTENT, Envelope, Failure, Staff
from shop.http import Request
from shop.ids import new_id
from shop.money import to_minor
from shop.responses import json_response

from . import operations, queries
from .schemas import RefundAnswer, RefundBody

router = Router(tags=["Orders"])
RefundsEnvelope = Envelope[list[RefundAnswer]]


@router.get(
    "/orders/{order_id}/refunds",
    response={200: RefundsEnvelope, 401: Failure, 403: Failure, 404: Failure},
    auth=Staff("payments.view_refund"),
    by_alias=True,
)
def list_refunds(request: Request, order_id: str) -> RefundsEnvelope:
    """What was given back of an order, the first refund first."""
    refunds = queries.refunds_of(orders.get(order_id))
    return RefundsEnvelope(data=[RefundAnswer.of(refund) for refund in refunds])


@router.post(
    "/orders/{order_id}/refunds",
    response={201: RefundsEnvelope, **dict.fromkeys((400, 401, 403, 404, 409, 422), Failure)},
    auth=Staff("payments.add_refund"),
    by_alias=True,
    openapi_extra=IDEMPOTENT,
)
def refund(request: Request, order_id: str, body: RefundBody) -> HttpResponse:
    """Gives units, delivery or an amount back; several refunds where the order was paid in parts.

    Each unit's frozen share of net and tax goes back with it. `requested` means: sent until it has arrived. With
    `restock` the units are booked as a return of theirs; they have to have been delivered.
    """
    order = orders.get(order_id)
    principal = f"user:{orders.actor_of(request)}"
    return idempotency.once(
        request, principal=principal, action=lambda: create(request, order, body, key_of(request, principal))
    )


def create(request: Request, order: Order, body: RefundBody, key: str) -> HttpResponse:
    now = timezone.now()
    if body.amount is not None:
        amount = to_minor(body.amount, order.currency)
        made = operations.refund_amount(order, amount, reason=body.reason, key=key, now=now)
    else:
        quantities: Counter[str] = Counter()
        for item in body.items:
            quantities[item.item_id] += item.quantity
        made = operations.refund_units(
            order,
            quantities,
            shipping_minor=to_minor(body.shipping, order.currency),
            is_restocked=body.restock,
            reason=body.reason,
            key=key,
            actor=orders.actor_of(request),
            now=now,
        )
    found = queries.refunds_of(order).filter(pk__in=[each.pk for each in made])
    return json_response(RefundsEnvelope(data=[RefundAnswer.of(each) for each in found]), status=201)


def key_of(request: Request, principal: str) -> str:
    """Our own name of the sender's wish: a request whose answer was lost finds the refund that it made."""
    given = request.headers.get("Idempotency-Key", "")
    if not given:
        return new_id("wish")
    return "api:" + hashlib.sha256(f"{principal}:{request.path_info}:{given}".encode()).hexdigest()[:48]
