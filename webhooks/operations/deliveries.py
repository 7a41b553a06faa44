"""What is told to whom: written once for each event and endpoint, sent again when staff ask for it."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from ninja.responses import NinjaJSONEncoder

from shop import outbox
from shop.batches import delete_in_batches
from shop.ids import new_id

from ..models import TEST, Delivery, Endpoint
from ..schemas import Message, TestAnswer

State = Delivery.State


def subscribers_of(topic: str) -> list[Endpoint]:
    return list(Endpoint.objects.filter(is_enabled=True, topics__contains=[topic]))


@transaction.atomic
def write(endpoints: Sequence[Endpoint], *, message: Message, key: str, subject: str) -> None:
    """A delivery to each of the endpoints, once for each `key`, on its way after the commit.

    Locks: the endpoints, by primary key. One that was switched off meanwhile gets none.
    """
    wanted = Endpoint.objects.filter(pk__in=[each.pk for each in endpoints], is_enabled=True)
    locked = wanted.select_for_update(no_key=True).order_by("pk")
    body = as_json(message)
    rows = [Delivery(endpoint=each, event_key=key, topic=message.type, subject=subject, body=body) for each in locked]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
    transaction.on_commit(_wake, robust=True)


def send_test(endpoint: Endpoint, *, now: datetime) -> Delivery:
    """A message that tells of nothing, tried once, also at an endpoint that is switched off."""
    said = TestAnswer(endpoint_id=endpoint.public_id)
    message = Message(type=TEST, timestamp=now, data=said.model_dump(by_alias=True))
    with transaction.atomic():
        transaction.on_commit(_wake, robust=True)
        return Delivery.objects.create(
            endpoint=endpoint, event_key=new_id("test"), topic=TEST, body=as_json(message), due_at=now
        )


def replay(deliveries: QuerySet[Delivery], *, now: datetime) -> int:
    """Sends again what was sent or given up, from the first try, with the same id and the same bytes.

    Answers how many. What waits anyway and what belongs to an endpoint that is switched off stays as it is.
    """
    endpoints = Endpoint.objects.filter(is_enabled=True)
    # By primary key: an UPDATE knows no joins, and the rows may be chosen by their endpoint.
    chosen = Delivery.objects.filter(pk__in=deliveries.order_by().values("pk"), endpoint__in=endpoints)
    with transaction.atomic():
        count = chosen.exclude(state=State.PENDING).update(state=State.PENDING, attempts=0, due_at=now, sent_at=None)
        if count:
            transaction.on_commit(_wake, robust=True)
    return count


def forget(*, before: datetime) -> int:
    """Deletes what was written before then and does not wait any more; returns how many."""
    done = Delivery.objects.filter(created_at__lt=before).exclude(state=State.PENDING)
    return delete_in_batches(done.order_by("created_at"))


def as_json(message: Message) -> str:
    """In the bytes of the API's own answers, without its blanks."""
    told: dict[str, Any] = message.model_dump(by_alias=True)
    return json.dumps(told, cls=NinjaJSONEncoder, separators=(",", ":"), ensure_ascii=False)


def _wake() -> None:
    outbox.wake("webhooks.tasks.deliver")
