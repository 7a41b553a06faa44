from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router
from ninja.security.base import AuthBase

from accounts.models import User
from shop.api import OPTIONAL_BEARER, Envelope, Failure, PagedEnvelope, Staff, signed_in
from shop.errors import NotFound
from shop.http import Request
from shop.paging import CursorQuery, paginate

from . import operations, queries
from .models import Order
from .schemas import OrderAnswer, StatusBody, TrackBody, TrackingAnswer

router = Router(tags=["Orders"])
OrderEnvelope = Envelope[OrderAnswer]
OrderPage = PagedEnvelope[OrderAnswer]
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
