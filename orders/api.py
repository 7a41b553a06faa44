from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Query, Router
from ninja.security.base import AuthBase

from accounts.models import User
from shop import idempotency
from shop.api import IDEMPOTENT, OPTIONAL_BEARER, Envelope, Failure, PagedEnvelope, Staff, signed_in
from shop.errors import InvalidInput, NotFound
from shop.http import Request
from shop.paging import CursorQuery, paginate
from shop.responses import json_response

from . import operations, queries
from .models import Order, Return, Shipment
from .operations import ReturnItem
from .schemas import (
    OrderAnswer,
    ReturnAnswer,
    ReturnBody,
    ReturnChangeBody,
    ShipmentAnswer,
    ShipmentBody,
    ShipmentChangeBody,
    StatusBody,
    TrackBody,
    TrackingAnswer,
    TrackingBody,
)

router = Router(tags=["Orders"])
OrderEnvelope = Envelope[OrderAnswer]
OrderPage = PagedEnvelope[OrderAnswer]
ShipmentEnvelope = Envelope[ShipmentAnswer]
ShipmentsEnvelope = Envelope[list[ShipmentAnswer]]
ReturnEnvelope = Envelope[ReturnAnswer]
ReturnsEnvelope = Envelope[list[ReturnAnswer]]
CHANGED = dict.fromkeys((400, 401, 403, 404, 409), Failure)
CREATED = CHANGED | {422: Failure}
LISTED = {200: OrderPage, 400: Failure, 401: Failure, 404: Failure}


class OrderToken(AuthBase):
    """For the API's description: lets everybody in, since `get_accessible` decides, whose refusal is a 404."""

    openapi_type = "http"
    openapi_scheme = "bearer"
    openapi_description = "A guest's credential for one order: `orderToken` of the answer that placed it."

    def __call__(self, request: HttpRequest) -> bool:
        return True


order_token = OrderToken()


@router.post(
    "/orders/track",
    response={200: Envelope[TrackingAnswer], 400: Failure, 404: Failure, 429: Failure, 503: Failure},
    by_alias=True,
)
def track(request: Request, body: TrackBody) -> Envelope[TrackingAnswer]:
    """Where an order is, for whoever knows its number and e-mail address. A wrong pair is 404, whatever is wrong."""
    queries.limit_tracking(request, body.number)
    return Envelope[TrackingAnswer](data=TrackingAnswer.of(queries.find_by_number(body.number, body.email)))


@router.get("/orders/user/{user_id}", response=LISTED, auth=signed_in, by_alias=True)
def orders_of_user(request: Request, user_id: str, page: Query[CursorQuery]) -> OrderPage:
    """The orders of a person, the newest first: one's own, or anybody's for staff."""
    rows = Order.objects.filter(user=find_person(request, user_id)).with_details()
    found = paginate(rows, limit=page.limit, offset=page.offset, cursor=page.cursor)
    return OrderPage(data=[OrderAnswer.of(order) for order in found], pagination=found.pagination)


@router.get("/users/{user_id}/orders", response=LISTED, auth=signed_in, by_alias=True)
def user_orders(request: Request, user_id: str, page: Query[CursorQuery]) -> OrderPage:
    """The same as `/orders/user/{userId}`."""
    return orders_of_user(request, user_id, page)


@router.get(
    "/orders/{order_id}",
    response={200: OrderEnvelope, 401: Failure, 404: Failure},
    auth=order_token,
    by_alias=True,
    openapi_extra=OPTIONAL_BEARER,
)
def get_order(request: Request, order_id: str) -> OrderEnvelope:
    """For its buyer, staff, or a guest with the order's token as bearer or `?token=`."""
    return OrderEnvelope(data=OrderAnswer.of(queries.get_accessible(request, order_id)))


@router.put(
    "/orders/{order_id}/status",
    response={200: OrderEnvelope, 400: Failure, 401: Failure, 403: Failure, 404: Failure, 409: Failure},
    auth=Staff(queries.CHANGE),
    by_alias=True,
)
def set_status(request: Request, order_id: str, body: StatusBody) -> OrderEnvelope:
    """`shipped` sends every line off as one parcel; `cancelled` gives stock and money back."""
    order = queries.get(order_id)
    operations.set_status(
        order,
        body.status,
        tracking_number=body.tracking_number,
        carrier=body.carrier,
        actor=queries.actor_of(request),
        now=timezone.now(),
    )
    return answer(order)


@router.post(
    "/orders/{order_id}/cancel",
    response={200: OrderEnvelope, 401: Failure, 404: Failure, 409: Failure},
    auth=order_token,
    by_alias=True,
    openapi_extra=OPTIONAL_BEARER,
)
def cancel(request: Request, order_id: str) -> OrderEnvelope:
    """Cancels an order of which no parcel has left, and gives all money back. A second time changes nothing."""
    order = queries.get_accessible(request, order_id, permission=queries.CHANGE)
    operations.cancel_order(order, actor=queries.actor_of(request), reason="cancelled on request", now=timezone.now())
    return answer(order)


# --- Parcels


@router.get(
    "/orders/{order_id}/shipments",
    response={200: ShipmentsEnvelope, 401: Failure, 404: Failure},
    auth=order_token,
    by_alias=True,
    openapi_extra=OPTIONAL_BEARER,
)
def list_shipments(request: Request, order_id: str) -> ShipmentsEnvelope:
    """The order's parcels, the first one first."""
    return shipments_of(queries.get_accessible(request, order_id))


@router.post(
    "/orders/{order_id}/shipments",
    response={201: ShipmentEnvelope, **CREATED},
    auth=Staff(queries.CHANGE),
    by_alias=True,
    openapi_extra=IDEMPOTENT,
)
def create_shipment(request: Request, order_id: str, body: ShipmentBody) -> HttpResponse:
    """Sends units off as one parcel, or puts them into one that waits: `pending` or `packed`."""
    order = queries.get(order_id)

    def create() -> Shipment:
        actor, now = queries.actor_of(request), timezone.now()
        if body.status != "shipped":
            is_packed = body.status == "packed"
            return operations.prepare(order, quantities=body.quantities, is_packed=is_packed, actor=actor, now=now)
        return operations.ship_units(
            order,
            quantities=body.quantities,
            tracking_number=body.tracking_number,
            carrier=body.carrier,
            actor=actor,
            now=now,
        )

    return created(request, order, lambda: shipment_answer(order, create()))


@router.put(
    "/orders/{order_id}/shipments/{shipment_id}",
    response={200: ShipmentEnvelope, **CHANGED},
    auth=Staff(queries.CHANGE),
    by_alias=True,
)
def change_shipment(request: Request, order_id: str, shipment_id: str, body: ShipmentChangeBody) -> ShipmentEnvelope:
    """`shipped` hands it to the carrier, `delivered` and `lost` end its way; without one, tracking is corrected."""
    order = queries.get(order_id)
    parcel = queries.get_shipment(order, shipment_id)
    actor, now = queries.actor_of(request), timezone.now()
    tracking = {
        "tracking_number": parcel.tracking_number if body.tracking_number is None else body.tracking_number,
        "carrier": parcel.carrier if body.carrier is None else body.carrier,
    }
    if body.status == "shipped":
        operations.send(parcel, **tracking, actor=actor, now=now)
    elif body.tracking_number is not None or body.carrier is not None:
        operations.correct_tracking(parcel, **tracking, actor=actor, now=now)
    if body.status == "packed":
        operations.pack(parcel, actor=actor, now=now)
    elif body.status == "delivered":
        operations.deliver(order, parcel=parcel, actor=actor, now=now)
    elif body.status == "lost":
        operations.lose(parcel, actor=actor, now=now)
    return shipment_answer(order, parcel)


@router.delete(
    "/orders/{order_id}/shipments/{shipment_id}",
    response={200: ShipmentsEnvelope, **CHANGED},
    auth=Staff(queries.CHANGE),
    by_alias=True,
)
def unpack_shipment(request: Request, order_id: str, shipment_id: str) -> ShipmentsEnvelope:
    """Takes a parcel apart that has not left; answers those that remain."""
    order = queries.get(order_id)
    operations.unpack(queries.get_shipment(order, shipment_id), actor=queries.actor_of(request), now=timezone.now())
    return shipments_of(order)


@router.post(
    "/orders/{order_id}/shipments/{shipment_id}/replacement",
    response={201: ShipmentEnvelope, **CREATED},
    auth=Staff(queries.CHANGE),
    by_alias=True,
    openapi_extra=IDEMPOTENT,
)
def replace_shipment(request: Request, order_id: str, shipment_id: str, body: TrackingBody) -> HttpResponse:
    """Sends the contents of a lost parcel once more; a second time answers the same parcel."""
    order = queries.get(order_id)
    lost = queries.get_shipment(order, shipment_id)

    def replace() -> ShipmentEnvelope:
        given = {"tracking_number": body.tracking_number, "carrier": body.carrier}
        made = operations.replace(lost, **given, actor=queries.actor_of(request), now=timezone.now())
        return shipment_answer(order, made)

    return created(request, order, replace)


# --- Returns


@router.get(
    "/orders/{order_id}/returns",
    response={200: ReturnsEnvelope, 401: Failure, 404: Failure},
    auth=order_token,
    by_alias=True,
    openapi_extra=OPTIONAL_BEARER,
)
def list_returns(request: Request, order_id: str) -> ReturnsEnvelope:
    """What the buyer sends back, the first return first."""
    order = queries.get_accessible(request, order_id)
    return ReturnsEnvelope(data=[ReturnAnswer.of(each) for each in queries.returns_of(order)])


@router.post(
    "/orders/{order_id}/returns",
    response={201: ReturnEnvelope, **dict.fromkeys((400, 401, 404, 409, 422), Failure)},
    auth=order_token,
    by_alias=True,
    openapi_extra=IDEMPOTENT | OPTIONAL_BEARER,
)
def request_return(request: Request, order_id: str, body: ReturnBody) -> HttpResponse:
    """Asks to send units back, within the time for returns; staff may later, too. Its status is `requested`."""
    order = queries.get_accessible(request, order_id, permission=queries.CHANGE)

    def create() -> ReturnEnvelope:
        made = operations.request_return(
            order,
            [ReturnItem(item.item_id, item.quantity, item.reason) for item in body.items],
            note=body.note,
            is_late_allowed=queries.may_change(request),
            actor=queries.actor_of(request),
            now=timezone.now(),
        )
        return return_answer(order, made)

    return created(request, order, create)


@router.put(
    "/orders/{order_id}/returns/{return_id}",
    response={200: ReturnEnvelope, **CHANGED},
    auth=Staff(queries.CHANGE),
    by_alias=True,
)
def change_return(request: Request, order_id: str, return_id: str, body: ReturnChangeBody) -> ReturnEnvelope:
    """`approved` and `rejected` are mailed to the buyer; `received` books the units and gives their money back."""
    order = queries.get(order_id)
    found = queries.get_return(order, return_id)
    actor, now = queries.actor_of(request), timezone.now()
    if body.status == "approved":
        operations.approve_return(found, actor=actor, now=now)
    elif body.status == "rejected":
        if not body.reason:
            raise InvalidInput(fields={"reason": ["Say why: the buyer is told."]})
        operations.reject_return(found, reason=body.reason, actor=actor, now=now)
    else:
        operations.receive_return(
            found,
            {item.item_id: item.disposition for item in body.items},
            quantities={item.item_id: item.quantity for item in body.items if item.quantity is not None},
            actor=actor,
            now=now,
        )
    return return_answer(order, found)


# --- How


def created(request: Request, order: Order, create: Callable[[], ShipmentEnvelope | ReturnEnvelope]) -> HttpResponse:
    """Once for each Idempotency-Key of the caller; a guest is known by the order whose token they hold."""
    user = request.user
    principal = f"user:{user.public_id}" if user.is_authenticated else f"order:{order.public_id}"
    return idempotency.once(request, principal=principal, action=lambda: json_response(create(), status=201))


def shipments_of(order: Order) -> ShipmentsEnvelope:
    return ShipmentsEnvelope(data=[ShipmentAnswer.of(each) for each in queries.shipments_of(order)])


def shipment_answer(order: Order, parcel: Shipment) -> ShipmentEnvelope:
    return ShipmentEnvelope(data=ShipmentAnswer.of(queries.get_shipment(order, parcel.public_id)))


def return_answer(order: Order, made: Return) -> ReturnEnvelope:
    return ReturnEnvelope(data=ReturnAnswer.of(queries.get_return(order, made.public_id)))


def answer(order: Order) -> OrderEnvelope:
    return OrderEnvelope(data=OrderAnswer.of(Order.objects.with_details().get(pk=order.pk)))


def find_person(request: Request, name: str) -> User:
    """The person whom `name` means to this caller. NotFound for anybody else, but for staff who may see orders."""
    user = request.user
    assert user.is_authenticated  # by the endpoint's `auth`
    if name in {"me", user.public_id}:
        return user
    may_look = user.is_staff and user.has_perm(queries.VIEW)
    if may_look and (found := User.objects.filter(public_id=name).first()):
        return found
    raise NotFound
