"""The part of webhooks in a copy and in an erasure: who was told of a person, and what."""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.db.models import Q, QuerySet

from accounts.models import User
from orders.models import Order
from shop.privacy import Part

from .models import Delivery


def export(user: User) -> list[dict[str, Any]]:
    return [
        {"topic": each.topic, "receiver": urlsplit(each.endpoint.url).hostname, "sentAt": each.sent_at}
        for each in about(user).select_related("endpoint").order_by("id")
    ]


def erase(user: User, now: datetime) -> None:
    """Nothing more is told of them, and what was told is forgotten. Locks: nothing."""
    about(user).delete()


def about(user: User) -> QuerySet[Delivery]:
    orders = Order.objects.filter(user=user).values("public_id")
    return Delivery.objects.filter(Q(subject=user.public_id) | Q(subject__in=orders))


PART = Part("webhooks", export, erase)
