import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import Q, QuerySet
from django.http import HttpRequest, QueryDict
from django.utils.crypto import constant_time_compare

from accounts.models import User
from shop import rate_limits
from shop.http import Request

from .errors import OrderNotFound, ReturnNotFound, ShipmentNotFound
from .models import Order, OrderEvent, OrderLine, Return, Shipment

SESSION_KEY = "orders"
VIEW, CHANGE = "orders.view_order", "orders.change_order"
COOKIES_TRIED = "tried"
# As a voice reads an order's number out, or a hand copies it.
LOOKALIKES = str.maketrans("OIL", "011")
# What a shopper is told of an order whom we only know by its number and address: nothing of money going back and forth.
TOLD = (
    "placed", "paid", "confirmed", "processing", "part_shipped", "shipped", "tracking", "parcel_lost",
    "parcel_replaced", "part_delivered", "delivered", "cancelled",
)  # fmt: skip


def get(public_id: str) -> Order:
    """The order of that id, whoever asks. Raises OrderNotFound."""
    order = Order.objects.filter(public_id=public_id).first()
    if order is None:
        raise OrderNotFound
    return order


def get_accessible(request: Request, public_id: str, *, permission: str = VIEW) -> Order:
    """The order if the caller is its buyer, staff with `permission`, or holds its token: as bearer value, `?token=`,
    field of a form, or in the session. Anybody else's is OrderNotFound, exactly as one that never was.
    """
    # All of it without looking at the order, so that the clock doesn't tell another's from one that never was.
    remembered = request.session.get(SESSION_KEY, [])
    token = request.bearer or request.GET.get("token", "") or request.POST.get("token", "")
    user = request.user
    orders = Order.objects.with_details().filter(public_id=public_id)
    if not (
        Order(public_id=public_id).admits(token)
        or public_id in remembered
        or (user.is_staff and user.has_perm(permission))
    ):
        orders = orders.filter(user=user) if user.is_authenticated else orders.none()
    order = orders.first()
    if order is None:
        raise OrderNotFound
    return order


def shipments_of(order: Order) -> QuerySet[Shipment]:
    return order.shipments.select_related("order", "replaces", "replacement").prefetch_related("lines__order_line")


def get_shipment(order: Order, public_id: str) -> Shipment:
    found = shipments_of(order).filter(public_id=public_id).first()
    if found is None:
        raise ShipmentNotFound
    return found


def returns_of(order: Order) -> QuerySet[Return]:
    return order.returns.select_related("order").prefetch_related("lines__order_line")


def get_return(order: Order, public_id: str) -> Return:
    found = returns_of(order).filter(public_id=public_id).first()
    if found is None:
        raise ReturnNotFound
    return found


def returnable(order: Order, now: datetime) -> list[OrderLine]:
    """The lines of which the buyer may send something back now, each with its `units_returnable`."""
    until = order.returns_until
    if until is None or now > until:
        return []
    return [line for line in order.lines.with_units() if line.units_returnable > 0]


def has_ordered(user: User | None, email: str, *, besides: Order | None = None) -> bool:
    """Whether this person, or somebody with this e-mail address, has an order that was not cancelled."""
    theirs = Q(email=email) | Q(user=user) if user else Q(email=email)
    living = Order.objects.filter(theirs).exclude(status=Order.Status.CANCELLED)
    return living.exclude(pk=besides.pk).exists() if besides else living.exists()


def may_change(request: Request) -> bool:
    return request.user.is_staff and request.user.has_perm(CHANGE)


def actor_of(request: HttpRequest) -> str:
    """Who is named in the order's history."""
    return request.user.public_id if request.user.is_authenticated else "guest"


def remember(request: Request, order: Order) -> None:
    """Lets this browser come back to a guest's order without its token."""
    remembered = request.session.get(SESSION_KEY, [])
    if order.public_id not in remembered:
        request.session[SESSION_KEY] = [order.public_id, *remembered][:20]


def address_without_token(request: Request, order: Order) -> str:
    """Where to send a browser that opened the order by its token: to the same page, with the order in its session.

    An address is copied, shared and kept in the history; a credential must not lie in it. A browser that has brought
    no cookie so far is asked once whether it takes one. Empty: there is no token, or no cookie, and the page is shown
    as it was asked for.
    """
    if not order.admits(request.GET.get("token", "")):
        return ""
    remember(request, order)
    query: QueryDict = request.GET.copy()
    if settings.SESSION_COOKIE_NAME in request.COOKIES:
        query.pop("token")
        query.pop(COOKIES_TRIED, None)
    elif COOKIES_TRIED in query:
        return ""
    else:
        query[COOKIES_TRIED] = "1"
    return f"{request.path}?{query.urlencode()}" if query else request.path


def page_of(request: Request, order: Order) -> str:
    """The order's page, for who may see it as much as for who has its token alone."""
    token = given_token(request, order)
    return f"{order.get_absolute_url()}?token={token}" if token else order.get_absolute_url()


def given_token(request: Request, order: Order) -> str:
    """The order's token if the request carries it, for the links of the page that it opened."""
    token = request.POST.get("token", "") or request.GET.get("token", "")
    return token if order.admits(token) else ""


# --- Following an order


def find_by_number(number: str, email: str) -> Order:
    """The order that has both. They tell where it is and nothing else: no address, no payment, nothing to change.

    Raises OrderNotFound alike for an unknown number and for another's e-mail address, after the same work.
    """
    order = Order.objects.filter(number=tidy_number(number)).first()
    given = email.strip().lower().encode()
    is_right = constant_time_compare(given, order.email.lower().encode() if order else b"\0")
    if order is None or not is_right:
        raise OrderNotFound("We found no order with this number and e-mail address.")
    return Order.objects.with_details().get(pk=order.pk)


def limit_tracking(request: Request, number: str) -> None:
    """By address, so that numbers can't be gone through; by number, so that many addresses can't guess its e-mail."""
    rate_limits.check("track", request.client_address)
    rate_limits.check("track", f"number:{tidy_number(number)}")


def tidy_number(text: str) -> str:
    digits = re.sub(r"[^0-9A-Z]", "", text.upper()).translate(LOOKALIKES)
    return f"{digits[:4]}-{digits[4:]}"


@dataclass(frozen=True)
class Step:
    code: str
    at: datetime | None
    is_done: bool
    is_current: bool = False


def progress(order: Order) -> list[Step]:
    """The order's way from `placed` to `delivered`, or to `cancelled`. Reads prefetched events.

    The last step that was reached is the current one; one that was left out is done and has no time.
    """
    happened = {event.type: event.created_at for event in reversed(order.events.all())}
    is_cash = order.payment_method == Order.PaymentMethod.COD
    second = "confirmed" if is_cash or ("paid" not in happened and "confirmed" in happened) else "paid"
    way = {"placed": "placed", second: second, "packed": "processing", "shipped": "shipped", "delivered": "delivered"}
    if order.status == Order.Status.CANCELLED:
        way = {code: type for code, type in way.items() if type in happened} | {"cancelled": "cancelled"}
    reached = max((place for place, type in enumerate(way.values()) if type in happened), default=0)
    return [
        Step(code, happened.get(type), place <= reached, place == reached)
        for place, (code, type) in enumerate(way.items())
    ]


def told(order: Order) -> Iterator[OrderEvent]:
    """The events of the order's way, the earliest first. Reads prefetched events."""
    return (event for event in order.events.all() if event.type in TOLD)
