"""Money back. A refund is on record, checked under the payment's lock, before the provider is asked to send it."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Sum

from orders.models import Order
from payments import providers
from payments.errors import PaymentRefused, ProviderUnavailable, RefundTooLarge
from payments.models import Payment, Refund
from payments.providers import ProviderRefund
from shop import failpoints, outbox
from shop.errors import Conflict, InvalidInput

from .ledger import Kind, Phase, alert, ask, lock, project, record, tell_order

log = logging.getLogger(__name__)

SEND_AGAIN_AFTER = timedelta(minutes=1)
BATCH = 100


def refund(payment: Payment, amount_minor: int, *, reason: str, key: str, now: datetime) -> Refund:
    """Gives `amount_minor` minor units back, once for each `key`. Status `requested` means: sent until it arrives.

    Raises RefundTooLarge, and Conflict when the key was used for another amount.
    Calls the provider: not inside a transaction. Locks: the payment; afterwards payment and order.
    """
    with transaction.atomic():
        made = request(lock(payment), amount_minor, reason=reason, key=key, now=now)
    send_requested(payment, now=now)
    made.refresh_from_db()
    return made


def refund_rest(payment: Payment, *, reason: str, now: datetime) -> Refund | None:
    """Gives back what is left of the payment; None when nothing is, so a second call gives nothing. As `refund`."""
    with transaction.atomic():
        locked = lock(payment)
        left = refundable(locked)
        # Failed attempts count, so that a refund that the provider refused can be asked for anew.
        key = f"{payment.public_id}:rest:{payment.refunds.count()}"
        made = request(locked, left, reason=reason, key=key, now=now) if left else None
    send_requested(payment, now=now)
    if made:
        made.refresh_from_db()
    return made


def refund_order(order: Order, *, reason: str, now: datetime) -> list[Refund]:
    """Gives back everything that is left of what was paid for the order; nothing the second time. As `refund`."""
    paid = order.payments.filter(captured_minor__gt=0).order_by("id")
    made = [refund_rest(payment, reason=reason, now=now) for payment in paid]
    return [refund for refund in made if refund]


def refundable(payment: Payment) -> int:
    """What has been captured and neither been given back nor promised back, in minor units."""
    pending = payment.refunds.filter(status=Refund.Status.REQUESTED).aggregate(sum=Sum("amount_minor"))["sum"] or 0
    return payment.captured_minor - payment.refunded_minor - pending


def request(payment: Payment, amount_minor: int, *, reason: str, key: str, now: datetime) -> Refund:
    """Puts a refund on record. The payment must be locked: two of 60 of 100 would both find room otherwise."""
    if existing := Refund.objects.filter(idempotency_key=key).first():
        if (existing.payment_id, existing.amount_minor) != (payment.pk, amount_minor):
            raise Conflict("This key was used for another refund.", code="idempotency_key_reused")
        return existing
    if amount_minor <= 0:
        raise InvalidInput(fields={"amount": ["More than nothing."]})
    if amount_minor > refundable(payment):
        raise RefundTooLarge
    made = Refund.objects.create(
        payment=payment, amount_minor=amount_minor, reason=reason[:60], idempotency_key=key, created_at=now
    )
    record(payment, Kind.REFUND, Phase.REQUEST, key=f"{made.public_id}:request", amount_minor=amount_minor, now=now)
    return made


def send_requested(payment: Payment, *, now: datetime) -> None:
    """Sends what is on record and not known to have arrived. With the provider away it stays on record for later."""
    provider = providers.get(payment.provider)
    for made in payment.refunds.filter(status=Refund.Status.REQUESTED, external_id=""):
        try:
            failpoints.reach("refunds.before_request")
            answer = ask(provider.refund, payment, made)
        except ProviderUnavailable:
            log.warning("%s is not known to have arrived and will be sent again", made)
            return
        except PaymentRefused:
            answer = ProviderRefund("", "failed", made.amount_minor, made.public_id)
        failpoints.reach("refunds.accepted")
        with transaction.atomic():
            _record(lock(payment), made, answer, now=now)


def send_forgotten(now: datetime, *, settle: Callable[..., Payment]) -> int:
    """Asks about every refund on record that has not arrived, then sends those of which the provider knows nothing."""
    waiting = Refund.objects.filter(status=Refund.Status.REQUESTED, created_at__lte=now - SEND_AGAIN_AFTER)
    payments = Payment.objects.filter(pk__in=waiting.values("payment")).order_by("updated_at")[:BATCH]
    for payment in payments:
        Payment.objects.filter(pk=payment.pk).update(updated_at=now)
        try:
            settle(payment, now=now)
        except ProviderUnavailable:
            log.warning("refunds wait: the payment provider is away")
            break
        except Exception:
            log.exception("the refunds of %s could not be sent", payment)
    return len(payments)


def adopt(payment: Payment, answer: ProviderRefund, *, now: datetime) -> None:
    """Takes over what the provider says of a refund, even one made there by hand. The payment must be locked."""
    mine = payment.refunds.filter(public_id=answer.refund_id) if answer.refund_id else payment.refunds.none()
    made = mine.first() or payment.refunds.filter(external_id=answer.reference).first()
    if made is None:
        made = Refund.objects.create(
            payment=payment,
            amount_minor=answer.amount_minor,
            reason="made at the provider",
            external_id=answer.reference,
            idempotency_key=f"{payment.provider}:{answer.reference}",
            created_at=now,
        )
    _record(payment, made, answer, now=now)


def _record(payment: Payment, made: Refund, answer: ProviderRefund, *, now: datetime) -> None:
    made.refresh_from_db()
    made.external_id = answer.reference or made.external_id
    if answer.status == "succeeded" and made.status == Refund.Status.REQUESTED:
        made.status = Refund.Status.SUCCEEDED
        _record_success(payment, made, now=now)
    elif answer.status == "failed" and made.status != Refund.Status.FAILED:
        bounced = made.status == Refund.Status.SUCCEEDED
        made.status = Refund.Status.FAILED
        _record_failure(payment, made, bounced=bounced, now=now)
    made.save(update_fields=["external_id", "status"])


def _record_success(payment: Payment, made: Refund, *, now: datetime) -> None:
    key, amount = f"{made.public_id}:success", made.amount_minor
    if record(
        payment, Kind.REFUND, Phase.SUCCESS, key=key, amount_minor=amount, now=now, external_ref=made.external_id
    ):
        project(payment, now=now)
        tell_order(payment.order, now=now)
        outbox.publish(
            "order.refunded",
            key=f"order.refunded:{made.public_id}",
            payload={"order_id": payment.order.public_id, "refund_id": made.public_id, "amount_minor": amount},
            priority=outbox.MONEY,
        )


def _record_failure(payment: Payment, made: Refund, *, bounced: bool, now: datetime) -> None:
    """`bounced`: the provider had said that it worked, then the buyer's bank sent the money back."""
    key, payload = f"{made.public_id}:failure", {"bounced": bounced}
    amount = made.amount_minor
    record(payment, Kind.REFUND, Phase.FAILURE, key=key, amount_minor=amount, now=now, payload=payload)
    project(payment, now=now)
    if bounced:
        tell_order(payment.order, now=now)
    alert(payment, f"refund {made.public_id} failed")
