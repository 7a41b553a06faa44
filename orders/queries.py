from django.http import HttpRequest

from shop.http import Request

from .errors import OrderNotFound
from .models import Order

SESSION_KEY = "orders"
VIEW, CHANGE = "orders.view_order", "orders.change_order"


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
    # Read before the order is looked up: only then a missing one's answer varies by cookie too.
    remembered = request.session.get(SESSION_KEY, [])
    order = get(public_id)
    token = request.bearer or request.GET.get("token", "") or request.POST.get("token", "")
    user = request.user
    if not (
        order.admits(token)
        or public_id in remembered
        or (user.is_authenticated and order.user_id == user.pk)
        or (user.is_staff and user.has_perm(permission))
    ):
        raise OrderNotFound
    return Order.objects.with_details().get(pk=order.pk)


def actor_of(request: HttpRequest) -> str:
    """Who is named in the order's history."""
    return request.user.public_id if request.user.is_authenticated else "guest"


def remember(request: Request, order: Order) -> None:
    """Lets this browser come back to a guest's order without its token."""
    request.session[SESSION_KEY] = [order.public_id, *request.session.get(SESSION_KEY, [])][:20]
