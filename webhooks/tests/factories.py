from typing import Any

from django.db import transaction
from django.utils import timezone

from shop import outbox
from shop.ids import new_id
from webhooks import operations
from webhooks.models import Delivery, Endpoint
from webhooks.schemas import Message
from webhooks.topics import TOPICS


def make_endpoint(url: str = "https://hooks.example.com/shop", *topics: str) -> tuple[Endpoint, str]:
    return operations.create_endpoint(url=url, topics=topics or list(TOPICS))


def make_delivery(endpoint: Endpoint, **values: Any) -> Delivery:
    message = Message(type="order.paid", timestamp=timezone.now(), data={"orderId": "order_1"})
    key = new_id("event")
    operations.write([endpoint], message=message, key=key, subject="order_1")
    Delivery.objects.filter(event_key=key).update(**values)
    return Delivery.objects.get(event_key=key)


def tell(topic: str, payload: dict[str, Any], key: str = "") -> None:
    """An event goes the whole way through the outbox, to the written delivery."""
    with transaction.atomic():
        outbox.publish(topic, key=key or new_id("event"), payload=payload)
    outbox.relay(timezone.now())
