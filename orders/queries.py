from django.http import HttpRequest

from shop.errors import NotFound

from .models import Order

SESSION_KEY = "orders"


def get_accessible(request: HttpRequest, public_id: str) -> Order:
    """The order if this caller may see it: its buyer, staff, or who holds its token (bearer, `?token=`, session).

    Anybody else's is NotFound, with the same work done as for one that never was.
    """
    order = Order.objects.with_details().filter(public_id=public_id).first() or Order(public_id=public_id)
    token = getattr(request, "bearer", "") or request.GET.get("token", "") or request.POST.get("token", "")
    admitted = order.admits(token) or public_id in request.session.get(SESSION_KEY, [])
    visible = Order.objects.visible_to(request.user).filter(public_id=public_id).exists()
    if order.pk is None or not (admitted or visible):
        raise NotFound("There is no such order.", code="order_not_found")
    return order


def remember(request: HttpRequest, order: Order) -> None:
    """Lets this browser come back to a guest's order without its token."""
    request.session[SESSION_KEY] = [order.public_id, *request.session.get(SESSION_KEY, [])][:20]
