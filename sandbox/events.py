"""Telling of what happened."""

from sandbox import objects
from sandbox.store import Object, Transaction


def emit(tx: Transaction, kind: str, obj: Object, *, previous: Object | None = None) -> None:
    """Record the event with a full snapshot of the object as it is now, and owe its webhook."""
    event = tx.put(objects.event(kind, obj, previous=previous, request=tx.request, now=tx.now))
    tx.set_webhook(event["id"], state="pending", attempts=0, next_at=tx.now)
