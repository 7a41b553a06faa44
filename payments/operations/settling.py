"""What the provider says of a payment becomes what our books say. `settle` is the only way an online payment moves."""

import logging
from datetime import datetime
from typing import Literal

from django.db import transaction

from inventory.errors import InsufficientStock
from orders import operations as orders
from orders.models import Order
from payments import providers
from payments.errors import NotPayable, PaymentRefused
from payments.models import Payment
from payments.providers import Decline, ProviderState
from shop import failpoints, outbox
from shop.errors import DomainError

from . import disputes, moves, refunds, shield
from .ledger import Kind, Phase, alert, ask, lock, lock_among, project, record, tell_order

log = logging.getLogger(__name__)

AWAITS_MONEY = {Order.PaymentStatus.PENDING, Order.PaymentStatus.FAILED}


def settle(payment: Payment, *, now: datetime) -> Payment:
    """Makes our books say what the provider says, once, however many ask at a time: redirect, webhook, reconciler.

    Money for the order confirms it; money that comes too late, twice, or for goods that are gone is given back and told
    of. What doesn't fit the payment changes nothing and alerts staff. Raises ProviderUnavailable.
    Calls the provider: not inside a transaction. Locks: payment, order, reservations, stock.
    """
    if not payment.external_id:
        return payment
    return _settle(payment, "retrieve", now=now)


def end_session(payment: Payment, *, now: datetime) -> Payment:
    """Makes sure that an open payment can't be paid any more, and settles what the provider then says, which may be
    `captured` all the same. Only `voided`, `expired` and `failed` mean that no money comes. Raises ProviderUnavailable.

    Calls the provider: not inside a transaction. Locks: as `settle`.
    """
    if payment.external_id:
        return _settle(payment, "expire", now=now)
    # The buyer never got this page's address, so nobody can pay there, whether the provider made it or not.
    with transaction.atomic():
        payment = lock(payment)
        if not payment.external_id:
            record_end(payment, Payment.Status.VOIDED, now=now)
            return payment
    return _settle(payment, "expire", now=now)


def _settle(payment: Payment, how: Literal["retrieve", "expire"], *, now: datetime) -> Payment:
    provider = providers.get(payment.provider)
    try:
        state = ask(provider.expire if how == "expire" else provider.retrieve, payment)
    except PaymentRefused:
        with transaction.atomic():
            alert(payment, "the provider does not know this payment")
        return payment
    end = Payment.Status.VOIDED if how == "expire" else Payment.Status.EXPIRED
    payment = _apply(payment, state, end=end, now=now)
    refunds.send_requested(payment, now=now)
    if moves.send_requested(payment, now=now):
        payment = _apply(payment, ask(provider.retrieve, payment), end=end, now=now)
        refunds.send_requested(payment, now=now)
    if payment.captured_minor or payment.status == Payment.Status.AUTHORIZED:
        _end_others(payment, now=now)
    is_open = payment.status == Payment.Status.PENDING and how == "retrieve"
    if is_open and state.decline and shield.is_tested_with(payment.order):
        # Whoever tries so many cards goes on trying on the page that is open.
        return _settle(payment, "expire", now=now)
    payment.refresh_from_db()
    return payment


@transaction.atomic
def _apply(payment: Payment, state: ProviderState, *, end: Payment.Status, now: datetime) -> Payment:
    payment = lock_among(payment)
    if problem := mismatch(payment, state):
        if not payment.is_settled:
            alert(payment, problem)
        return payment
    if state.decline:
        record_decline(payment, state.decline, now=now)
    match state.status:
        case "captured":
            if state.is_manual:
                # Staff took it at the provider before we heard of it: all was promised, though perhaps a part came.
                _note_authorization(payment, state, now=now)
            record_capture(payment, state.captured_minor, state.captured_ref, now=now)
        case "authorized":
            _record_authorization(payment, state, now=now)
        case "processing":
            key, amount = f"{payment.public_id}:processing", payment.amount_minor
            record(payment, Kind.AUTHORIZE, Phase.SUCCESS, key=key, amount_minor=amount, now=now)
            project(payment, now=now)
        case "voided":
            # Nobody but a capture or the shop itself ends an authorisation, unless it lapses.
            asked_for = payment.events.filter(kind=Kind.VOID, phase=Phase.REQUEST).exists()
            record_end(payment, Payment.Status.VOIDED if asked_for else Payment.Status.EXPIRED, now=now)
        case "expired":
            record_end(payment, end, now=now)
        case "failed":
            record_end(payment, Payment.Status.FAILED, now=now)
    for dispute in state.disputes:
        disputes.adopt(payment, dispute, now=now)
    for made in state.refunds:
        refunds.adopt(payment, made, now=now)
    failpoints.reach("payments.settled_before_commit")
    return payment


def mismatch(payment: Payment, state: ProviderState) -> str:
    """What keeps the provider's object from being this payment; empty when it is."""
    if (state.order_id, state.payment_id) != (payment.order.public_id, payment.public_id):
        return "belongs to another order"
    if state.livemode != providers.get(payment.provider).livemode:
        return "test money and real money are mixed"
    if state.currency != payment.currency:
        return "another currency"
    if state.captured_minor and state.captured_minor == payment.captured_minor:
        return ""  # staff accepted it, or it is on record already
    if state.amount_minor != payment.amount_minor:
        return "another amount"
    if state.captured_minor != payment.amount_minor and state.status == "captured" and not state.is_manual:
        return "another amount"
    return ""


def record_decline(payment: Payment, decline: Decline, *, now: datetime) -> None:
    """A refused card ends nothing: the buyer tries another one on the same page. Staff see why the first failed.

    The payment must be locked.
    """
    key = f"{payment.public_id}:declined:{decline.reference}"
    amount, payload = payment.amount_minor, {"code": decline.code}
    if record(payment, Kind.AUTHORIZE, Phase.FAILURE, key=key, amount_minor=amount, now=now, payload=payload):
        transaction.on_commit(lambda: shield.count_decline(payment, decline.reference), robust=True)


def _note_authorization(payment: Payment, state: ProviderState, *, now: datetime) -> bool:
    key, amount = f"{payment.public_id}:authorize", payment.amount_minor
    more = {"external_ref": state.captured_ref, "payload": {"status": Payment.Status.AUTHORIZED}}
    return record(payment, Kind.AUTHORIZE, Phase.SUCCESS, key=key, amount_minor=amount, now=now, **more)


def _record_authorization(payment: Payment, state: ProviderState, *, now: datetime) -> None:
    if _note_authorization(payment, state, now=now):
        payment.capture_before = state.capture_before or now + moves.LEAST_AUTHORIZED
        payment.save(update_fields=["capture_before"])
        project(payment, now=now)
        if payment.status == Payment.Status.AUTHORIZED:
            _promise(payment, now=now)


def _promise(payment: Payment, *, now: datetime) -> None:
    """Confirms the order that the authorised money is for; when that can't be, lets the money go again."""
    try:
        with transaction.atomic():
            order = Order.objects.select_for_update(no_key=True).get(pk=payment.order_id)
            if order.payment_status not in AWAITS_MONEY or order.status == Order.Status.CANCELLED:
                raise NotPayable("The order needs no payment.", code="not_payable")
            orders.record_payment_status(order, Order.PaymentStatus.AUTHORIZED, now=now)
            orders.confirm(order, actor=orders.SYSTEM, now=now)
    except DomainError as error:
        log.warning("%s is authorised, and its order can't take it: %s", payment, error.code)
        moves.request_void(payment, actor=orders.SYSTEM, now=now)
        if isinstance(error, InsufficientStock):
            _cancel_sold_out(payment, now=now)


def record_capture(
    payment: Payment, amount_minor: int, reference: str, *, now: datetime, payload: dict[str, str] | None = None
) -> None:
    """Books money that the provider has, once, and what it does to the order. The payment must be locked."""
    key, more = f"{payment.public_id}:capture", {"external_ref": reference, "payload": payload or {}}
    if record(payment, Kind.CAPTURE, Phase.SUCCESS, key=key, amount_minor=amount_minor, now=now, **more):
        transaction.on_commit(lambda: shield.count_capture(payment), robust=True)
        project(payment, now=now)
        _deliver(payment, now=now)


def _deliver(payment: Payment, *, now: datetime) -> None:
    """Confirms the order that the money is for; when that can't be, puts the money's way back on record instead."""
    try:
        with transaction.atomic():
            order = Order.objects.select_for_update(no_key=True).get(pk=payment.order_id)
            awaits_money = AWAITS_MONEY | {Order.PaymentStatus.AUTHORIZED}
            if order.payment_status not in awaits_money and order.status != Order.Status.CANCELLED:
                raise NotPayable("The order has been paid already.", code="paid_twice")
            if payment.captured_minor < order.total_minor and order.status != Order.Status.CANCELLED:
                tell_order(order, now=now)
                orders.confirm(order, actor=orders.SYSTEM, now=now)
            else:
                orders.mark_paid(order, payment_reference=payment.public_id, now=now)
    except DomainError as error:
        log.warning("%s arrived, and its order can't take it: %s", payment, error.code)
        amount = payment.captured_minor
        payload = {"order_id": payment.order.public_id, "payment_id": payment.public_id}
        outbox.publish(
            "payment.orphaned",
            key=f"payment.orphaned:{payment.public_id}",
            payload={**payload, "amount_minor": amount, "reason": error.code},
            priority=outbox.MONEY,
        )
        refunds.request(payment, amount, reason=error.code, key=f"{payment.public_id}:orphaned", now=now)
        if isinstance(error, InsufficientStock):
            _cancel_sold_out(payment, now=now)


def _cancel_sold_out(payment: Payment, *, now: datetime) -> None:
    # The buyer must not read that nothing was charged while the refund is under way.
    tell_order(payment.order, now=now)
    orders.cancel_order(payment.order, actor=orders.SYSTEM, reason="sold out before the payment arrived", now=now)


def record_end(payment: Payment, status: Payment.Status, *, now: datetime) -> None:
    """No money came and none will. Tells the buyer of it unless the shop itself ended the payment."""
    if payment.is_settled:
        return
    was_promised = payment.status == Payment.Status.AUTHORIZED
    key, amount = f"{payment.public_id}:end", payment.amount_minor
    if status == Payment.Status.FAILED:
        record(payment, Kind.CAPTURE, Phase.FAILURE, key=key, amount_minor=amount, now=now)
    else:
        record(payment, Kind.VOID, Phase.SUCCESS, key=key, amount_minor=amount, now=now, payload={"status": status})
    project(payment, now=now)
    if was_promised:
        tell_order(payment.order, now=now)
        if status != Payment.Status.VOIDED:
            alert(payment, "the authorised money was not captured in time and is gone")
    elif status != Payment.Status.VOIDED:
        order = Order.objects.select_for_update(no_key=True).get(pk=payment.order_id)
        if order.is_open_for_payment:
            orders.record_payment_status(order, Order.PaymentStatus.FAILED, now=now)
            payload = {"order_id": order.public_id, "payment_id": payment.public_id, "reason": str(status)}
            outbox.publish("payment.failed", key=f"payment.failed:{payment.public_id}", payload=payload)


def _end_others(paid: Payment, *, now: datetime) -> None:
    """A second open page could be paid as well, and money that waits on another card is not needed."""
    others = Payment.objects.unsettled()
    if paid.captured_minor:
        others |= Payment.objects.authorized()
    for other in others.filter(order_id=paid.order_id).exclude(pk=paid.pk):
        try:
            if other.status == Payment.Status.AUTHORIZED:
                with transaction.atomic():
                    moves.request_void(lock(other), actor=orders.SYSTEM, now=now)
                moves.send_requested(other, now=now)
                settle(other, now=now)
            else:
                end_session(other, now=now)
        except DomainError:
            log.warning("%s stays open for the reconciler", other)
