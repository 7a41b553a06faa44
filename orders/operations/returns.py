"""What comes back. The order's lock keeps two requests from claiming the same unit."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from django.db import transaction

from inventory import operations as inventory
from orders.errors import ReturnRefused, WrongReturnState
from orders.models import Order, Return, ReturnLine
from shop import failpoints, outbox
from shop.errors import InvalidInput

from .journal import SYSTEM, locked, record, save, tell
from .parcels import follow
from .units import chosen

Disposition = Literal["restock", "damaged", "discard"]
State = Return.Status
ALLOWED_RETURNS: Mapping[str, frozenset[str]] = {
    State.REQUESTED: frozenset({State.APPROVED, State.REJECTED}),
    State.APPROVED: frozenset({State.RECEIVED, State.REJECTED}),
    State.RECEIVED: frozenset({State.REFUNDED}),
    State.REFUNDED: frozenset(),
    State.REJECTED: frozenset(),
}


@dataclass(frozen=True)
class ReturnItem:
    """`line` is its public id, `reason` one of ReturnLine.Reason."""

    line: str
    quantity: int
    reason: str


@transaction.atomic
def request_return(
    order: Order,
    lines: Sequence[ReturnItem],
    *,
    note: str = "",
    is_late_allowed: bool = False,
    key: str | None = None,
    actor: str,
    now: datetime,
) -> Return:
    """Writes down that units shall come back, never more than arrived; once for each `key` of an order, as it then is.

    `is_late_allowed` is the staff's goodwill.
    Raises ReturnRefused before anything arrived and after SHOP_RETURN_DAYS, TooManyUnits, InvalidInput. Locks: order.
    """
    order = locked(order)
    if key and (known := order.returns.filter(idempotency_key=key).first()):
        return known
    until = order.returns_until
    if until is None:
        raise ReturnRefused("Nothing of this order has arrived yet.")
    if now > until and not is_late_allowed:
        raise ReturnRefused
    if len({item.line for item in lines}) < len(lines):
        raise InvalidInput(fields={"items": ["Name each line once."]})
    wanted = {item.line: item.quantity for item in lines}
    units = chosen(order.lines.with_units(), wanted, free=lambda line: line.units_returnable)
    made = Return.objects.create(order=order, note=note, idempotency_key=key, requested_at=now)
    reasons = {item.line: item.reason for item in lines}
    ReturnLine.objects.bulk_create(
        ReturnLine(of=made, order_line=line, quantity=quantity, reason=reasons[line.public_id])
        for line, quantity in units.items()
    )
    _tell("return.requested", order, made, actor=actor, now=now)
    return made


@transaction.atomic
def approve_return(return_: Return, *, actor: str, now: datetime) -> Return:
    """Lets the buyer send it; they get a mail that says where to. A second time changes nothing. Locks: order."""
    order, found = _both(return_)
    if _moves(found, State.APPROVED):
        found.decided_at = now
        found.save(update_fields=["status", "decided_at"])
        _tell("return.approved", order, found, actor=actor, now=now)
    return found


@transaction.atomic
def reject_return(return_: Return, *, reason: str, actor: str, now: datetime) -> Return:
    """Refuses it, before or after it was approved; the buyer gets a mail with the reason. Locks: order."""
    order, found = _both(return_)
    if _moves(found, State.REJECTED):
        found.decided_at, found.answer = now, reason
        found.save(update_fields=["status", "decided_at", "answer"])
        _tell("return.rejected", order, found, actor=actor, now=now)
    return found


@transaction.atomic
def receive_return(
    return_: Return,
    dispositions: Mapping[str, Disposition],
    *,
    quantities: Mapping[str, int] | None = None,
    actor: str,
    now: datetime,
) -> Return:
    """Books what came back, once: `dispositions` and, where less came than announced, `quantities`, by the order
    line's public id. What did not come can be announced anew; `payments` hears of it and gives the money back.

    Raises WrongReturnState, InvalidInput, TooManyUnits (the stock's). Locks: order, then stock.
    """
    order, found = _both(return_)
    if not _moves(found, State.RECEIVED):
        return found
    # Their stock rows are changed in the order in which everybody changes them, whatever the database's collation.
    lines = sorted(found.lines.select_related("order_line"), key=lambda line: (line.order_line.sku, line.pk))
    came = _came(lines, dispositions, quantities or {})
    found.received_at = now
    found.save(update_fields=["status", "received_at"])
    for line in lines:
        if line.pk not in came:
            line.delete()
            continue
        line.quantity, line.disposition = came[line.pk], dispositions[line.order_line.public_id]
        line.save(update_fields=["quantity", "disposition"])
    follow(order, actor=actor, now=now)
    _tell("return.received", order, found, actor=actor, now=now, priority=outbox.MONEY)
    for line in lines:
        if line.pk in came:
            inventory.restock(
                line.order_line.sku,
                came[line.pk],
                disposition=dispositions[line.order_line.public_id],
                warehouse=None,
                reference=order.reference,
                actor=actor,
                key=f"{found.public_id}:{line.order_line.public_id}",
            )
    failpoints.reach("returns.received_before_commit")
    return found


@transaction.atomic
def mark_return_refunded(return_id: str, refund_id: str, *, now: datetime) -> Return:
    """Writes down that the money of a return went back; a second time changes nothing. `refund_id` may be empty where
    nothing had been paid. Raises WrongReturnState before it was received. Locks: order.
    """
    order, found = _both(Return.objects.select_related("order").get(public_id=return_id))
    if _moves(found, State.REFUNDED):
        found.refund_id, found.refunded_at = refund_id, now
        found.save(update_fields=["status", "refund_id", "refunded_at"])
        _tell("return.refunded", order, found, actor=SYSTEM, now=now)
    return found


def _both(return_: Return) -> tuple[Order, Return]:
    """The order, locked, and the return as it is under that lock."""
    order = locked(return_.order)
    return order, order.returns.get(pk=return_.pk)


def _moves(found: Return, to: str) -> bool:
    """Sets the state; False when it is there already."""
    if found.status == to:
        return False
    if to not in ALLOWED_RETURNS[found.status]:
        raise WrongReturnState(found.status, to)
    found.status = to
    return True


def _came(
    lines: Sequence[ReturnLine], dispositions: Mapping[str, str], quantities: Mapping[str, int]
) -> dict[int, int]:
    """Units by the row of the return; rows of which nothing came are left out."""
    came: Counter[int] = Counter()
    for line in lines:
        name = line.order_line.public_id
        quantity = quantities.get(name, line.quantity)
        if not 0 <= quantity <= line.quantity:
            raise InvalidInput(fields={"items": [f"Between none and {line.quantity} of {line.order_line.name} came."]})
        if quantity:
            came[line.pk] = quantity
            if dispositions.get(name) not in ReturnLine.Disposition.values:
                raise InvalidInput(fields={"items": [f"Say what becomes of {line.order_line.name}."]})
    if not came:
        raise InvalidInput(fields={"items": ["If nothing came, reject the return."]})
    if not {*dispositions, *quantities} <= {line.order_line.public_id for line in lines}:
        raise InvalidInput(fields={"items": ["Name lines of this return."]})
    return dict(came)


def _tell(topic: str, order: Order, found: Return, *, actor: str, now: datetime, priority: int = outbox.NORMAL) -> None:
    """In the order's history and to everybody else."""
    payload = {"return": found.public_id, "reason": found.answer}
    record(order, topic.replace(".", "_"), actor=actor, now=now, payload=payload)
    save(order, now)
    tell(topic, order, of=found.public_id, priority=priority, return_id=found.public_id)
