from datetime import datetime

from django.db import transaction

from accounts.models import User
from orders.models import Order

from .journal import record


@transaction.atomic
def join_orders(user: User, *, now: datetime) -> int:
    """Gives the guests' orders of a person's address to their account, if it is verified; returns how many.

    Locks: the user, so that the address can't change meanwhile, then the orders.
    """
    owner = User.objects.select_for_update(no_key=True).filter(pk=user.pk, is_active=True).first()
    if owner is None or not owner.is_email_verified:
        return 0
    orders = list(Order.objects.select_for_update(no_key=True).filter(user=None, email=owner.email).order_by("pk"))
    for order in orders:
        order.user = owner
        order.save(update_fields=["user"])
        record(order, "joined", actor=owner.public_id, now=now)
    return len(orders)
