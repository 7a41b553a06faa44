"""An attempt to pay: begun, asked about, ended. `settle` is the only way in which an online payment moves."""

import logging
from datetime import datetime, timedelta
from typing import Literal

from django.db import transaction

from inventory.errors import InsufficientStock
from orders import operations as orders
from orders.models import Order
from payments import providers, queries
from payments.errors import NotPayable, PaymentRefused, ProviderUnavailable, TooManyAttempts
from payments.models import Payment
from payments.providers import ProviderState
from shop import failpoints, outbox
from shop.errors import DomainError

from . import refunds
from .ledger import Kind, Phase, alert, ask, lock, lock_among, next_question, project, record

log = logging.getLogger(__name__)

# A session that ends while its page loads is of no use.
LEAST_LEFT = timedelta(minutes=1)
# Each attempt prolongs the reservation of the goods; and who tries so often is testing cards.
MAX_ATTEMPTS = 10
AWAITS_MONEY = {Order.PaymentStatus.PENDING, Order.PaymentStatus.FAILED}
FIRST_QUESTION = timedelta(minutes=1)
BATCH = 100


# --- Beginning


def start(order: Order, *, now: datetime) -> Payment:
    """The payment by which the order can be paid: an open one, else a new one. The buyer goes to its `redirect_url`.

    Raises NotPayable, TooManyAttempts, PaymentRefused, ProviderUnavailable (the order is kept and `start` may be
    repeated: the request goes out again with the same key). Calls the provider: not inside a transaction.
    Locks: the order, then its reservations; afterwards the payment.
    """
    _look_again(order, now=now)
    payment, is_new = _open(order, now=now)
    try:
        return _begin(payment, now=now)
    except PaymentRefused:
        if is_new:
            raise
    # An earlier request of unknown outcome has never arrived, and is too old to be sent again.
    payment, _ = _open(order, now=now)
    return _begin(payment, now=now)


def change_method(order: Order, method: str, *, now: datetime) -> Payment:
    """Lets an unpaid order be paid in another way: ends what is open, then starts anew. Errors as `start`."""
    for payment in order.payments.unsettled():
        end_session(payment, now=now)
    order.refresh_from_db()
    if not order.is_open_for_payment:
        raise NotPayable
    order = orders.change_payment_method(order, method, now=now)
    return start(order, now=now)


def close_order(order: Order, *, now: datetime) -> None:
    """Leaves nothing of a cancelled order to be paid and gives back what was. Errors and locks as `end_session`."""
    for payment in order.payments.unsettled():
        end_session(payment, now=now)
    refunds.refund_order(order, reason="order cancelled", now=now)


def _look_again(order: Order, *, now: datetime) -> None:
    """Asks about what is open before it is offered again or another is opened: it may have been paid a moment ago."""
    for payment in order.payments.unsettled().filter(external_id__isnull=False):
        is_over = payment.expires_at is not None and payment.expires_at < now + LEAST_LEFT
        if is_over or payment.provider != order.payment_method:
            end_session(payment, now=now)
        else:
            settle(payment, now=now)


@transaction.atomic
def _open(order: Order, *, now: datetime) -> tuple[Payment, bool]:
    """The order's open payment, or a new one with its request on record. The order's lock lets two clicks open one."""
    order = Order.objects.select_for_update(no_key=True).get(pk=order.pk)
    provider = providers.get(order.payment_method)
    payment = order.payments.unsettled().order_by("id").last()
    if payment and payment.status == Payment.Status.PROCESSING:
        raise NotPayable("A payment for this order is being processed.")
    if payment and (order.is_open_for_payment or _awaits_courier(order, payment)):
        return payment, False
    if not order.is_open_for_payment:
        raise NotPayable
    if order.payments.count() >= MAX_ATTEMPTS:
        raise TooManyAttempts

    payment = Payment.objects.create(
        order=order,
        provider=provider.code,
        currency=order.currency,
        amount_minor=order.total_minor,
        expires_at=provider.expires_at(now),
        ask_at=now + FIRST_QUESTION,
        created_at=now,
        updated_at=now,
    )
    parameters = provider.parameters(payment, order)
    key = request_key(payment)
    record(
        payment, Kind.CAPTURE, Phase.REQUEST, key=key, amount_minor=payment.amount_minor, now=now, payload=parameters
    )
    if payment.expires_at:
        orders.extend_payment_due(order, until=payment.expires_at + queries.GRACE, now=now)
    if provider.confirms_order:
        orders.confirm(order, actor=orders.SYSTEM, now=now)
    return payment, True


def _awaits_courier(order: Order, payment: Payment) -> bool:
    is_alive = order.status != Order.Status.CANCELLED and order.payment_status in AWAITS_MONEY
    return is_alive and providers.get(payment.provider).confirms_order


def request_key(payment: Payment) -> str:
    return f"{payment.public_id}:request"


def _begin(payment: Payment, *, now: datetime) -> Payment:
    """Sends the request that is on record and keeps the answer; at once when it has been answered before."""
    if payment.external_id:
        return payment
    provider = providers.get(payment.provider)
    request = payment.events.get(idempotency_key=request_key(payment))
    try:
        failpoints.reach("payments.before_request")
        started = ask(provider.start, payment, request)
    except PaymentRefused:
        _record_refusal(payment, now=now)
        raise
    failpoints.reach("payments.before_record")
    with transaction.atomic():
        payment = lock(payment)
        payment.external_id, payment.redirect_url = started.external_id, started.redirect_url
        payment.save(update_fields=["external_id", "redirect_url"])
        failpoints.reach("payments.recorded_before_commit")
    if payment.status not in {Payment.Status.PENDING, Payment.Status.CAPTURED}:
        # The order ended while the provider was being asked: nobody may pay for it now.
        end_session(payment, now=now)
        raise NotPayable
    return payment


@transaction.atomic
def _record_refusal(payment: Payment, *, now: datetime) -> None:
    payment = lock(payment)
    amount = payment.amount_minor
    record(payment, Kind.CAPTURE, Phase.FAILURE, key=f"{payment.public_id}:refused", amount_minor=amount, now=now)
    project(payment, now=now)


# --- Asking


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
            _record_end(payment, Payment.Status.VOIDED, now=now)
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
    if payment.captured_minor:
        _end_others(payment, now=now)
    payment.refresh_from_db()
    return payment


@transaction.atomic
def _apply(payment: Payment, state: ProviderState, *, end: Payment.Status, now: datetime) -> Payment:
    payment = lock_among(payment)
    if problem := _mismatch(payment, state):
        alert(payment, problem)
        return payment
    if state.decline:
        _record_decline(payment, state, now=now)
    match state.status:
        case "captured":
            _record_capture(payment, state, now=now)
        case "processing":
            key, amount = f"{payment.public_id}:processing", payment.amount_minor
            record(payment, Kind.AUTHORIZE, Phase.SUCCESS, key=key, amount_minor=amount, now=now)
            project(payment, now=now)
        case "expired":
            _record_end(payment, end, now=now)
        case "failed":
            _record_end(payment, Payment.Status.FAILED, now=now)
    for made in state.refunds:
        refunds.adopt(payment, made, now=now)
    failpoints.reach("payments.settled_before_commit")
    return payment


def _mismatch(payment: Payment, state: ProviderState) -> str:
    """What keeps the provider's object from being this payment; empty when it is."""
    if (state.order_id, state.payment_id) != (payment.order.public_id, payment.public_id):
        return "belongs to another order"
    if state.livemode != providers.get(payment.provider).livemode:
        return "test money and real money are mixed"
    if state.currency != payment.currency:
        return "another currency"
    if state.amount_minor != payment.amount_minor:
        return "another amount"
    return ""


def _record_decline(payment: Payment, state: ProviderState, *, now: datetime) -> None:
    """A refused card ends nothing: the buyer tries another one on the same page. Staff see why the first failed."""
    assert state.decline
    key = f"{payment.public_id}:declined:{state.decline.reference}"
    amount, payload = payment.amount_minor, {"code": state.decline.code}
    record(payment, Kind.AUTHORIZE, Phase.FAILURE, key=key, amount_minor=amount, now=now, payload=payload)


def _record_capture(payment: Payment, state: ProviderState, *, now: datetime) -> None:
    key, reference = f"{payment.public_id}:capture", state.captured_ref
    if record(
        payment, Kind.CAPTURE, Phase.SUCCESS, key=key, amount_minor=state.amount_minor, now=now, external_ref=reference
    ):
        project(payment, now=now)
        _deliver(payment, now=now)


def _deliver(payment: Payment, *, now: datetime) -> None:
    """Confirms the order that the money is for; when that can't be, puts the money's way back on record instead."""
    try:
        with transaction.atomic():
            order = Order.objects.select_for_update(no_key=True).get(pk=payment.order_id)
            if order.payment_status not in AWAITS_MONEY and order.status != Order.Status.CANCELLED:
                raise NotPayable("The order has been paid already.", code="paid_twice")
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
            reason = "sold out before the payment arrived"
            orders.cancel_order(payment.order, actor=orders.SYSTEM, reason=reason, now=now)


def _record_end(payment: Payment, status: Payment.Status, *, now: datetime) -> None:
    """No money came and none will. Tells the buyer of it unless the shop itself ended the payment."""
    if payment.is_settled:
        return
    key, amount = f"{payment.public_id}:end", payment.amount_minor
    if status == Payment.Status.FAILED:
        record(payment, Kind.CAPTURE, Phase.FAILURE, key=key, amount_minor=amount, now=now)
    else:
        record(payment, Kind.VOID, Phase.SUCCESS, key=key, amount_minor=amount, now=now, payload={"status": status})
    project(payment, now=now)
    if status != Payment.Status.VOIDED:
        order = Order.objects.select_for_update(no_key=True).get(pk=payment.order_id)
        if order.is_open_for_payment:
            orders.record_payment_status(order, Order.PaymentStatus.FAILED, now=now)
            payload = {"order_id": order.public_id, "payment_id": payment.public_id, "reason": str(status)}
            outbox.publish("payment.failed", key=f"payment.failed:{payment.public_id}", payload=payload)


def _end_others(paid: Payment, *, now: datetime) -> None:
    """A second open page could be paid as well."""
    for other in Payment.objects.unsettled().filter(order_id=paid.order_id).exclude(pk=paid.pk):
        try:
            end_session(other, now=now)
        except ProviderUnavailable:
            log.warning("%s stays open for the reconciler", other)


# --- Catching up


def reconcile(now: datetime) -> int:
    """Asks about every online payment that has been open for a minute and sends refunds that have not arrived.

    Stops at a provider that is away: the next run begins with those not asked about yet. Returns how many were asked.
    """
    asked = 0
    for payment in Payment.objects.to_reconcile(now).select_related("order")[:BATCH]:
        if not Payment.objects.filter(pk=payment.pk, ask_at=payment.ask_at).update(**next_question(payment, now)):
            continue  # somebody else has just asked
        try:
            _catch_up(payment, now=now)
        except ProviderUnavailable:
            log.warning("reconciling stops: the payment provider is away")
            Payment.objects.filter(pk=payment.pk).update(ask_at=now + FIRST_QUESTION, asked=payment.asked)
            break
        except Exception:
            log.exception("%s could not be reconciled", payment)
        asked += 1
    return asked + refunds.send_forgotten(now, settle=settle)


def _catch_up(payment: Payment, *, now: datetime) -> None:
    if payment.external_id:
        settle(payment, now=now)
    elif payment.order.is_open_for_payment:
        try:
            _begin(payment, now=now)
        except PaymentRefused:
            log.warning("%s has never arrived and is too old to be sent again", payment)
    else:
        end_session(payment, now=now)
