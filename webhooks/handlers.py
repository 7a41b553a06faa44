"""Turns an event into messages for those who subscribed to its topic, in the same shape as the API's answers."""

import logging

from django.core.exceptions import ObjectDoesNotExist

from shop.models import OutboxEvent

from . import operations
from .schemas import Message
from .topics import TOPICS

log = logging.getLogger(__name__)


def tell(event: OutboxEvent) -> None:
    """Writes a delivery for each subscriber, once however often the event is handled."""
    endpoints = operations.subscribers_of(event.topic)
    if not endpoints:
        return
    try:
        subject, data = TOPICS[event.topic].compose(event.payload)
    except ObjectDoesNotExist:
        log.info("webhook %s: what it would tell of is gone", event.dedupe_key)
        return
    message = Message(type=event.topic, timestamp=event.created_at, data=data.model_dump(by_alias=True))
    operations.write(endpoints, message=message, key=event.dedupe_key, subject=subject)
