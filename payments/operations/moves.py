"""Authorised money: taken, in whole or in part, or let go. The one request on record decides which, under the lock."""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet

from payments import providers
from payments.errors import NotCapturable, PaymentRefused, ProviderUnavailable
from payments.models import Payment, PaymentEvent
from shop.errors import InvalidInput

from .ledger import Kind, Phase, alert, ask, lock, record

log = logging.getLogger(__name__)

# Where the provider doesn't say: card networks let an authorisation lapse after a week.
LEAST_AUTHORIZED = timedelta(days=7)


def request_capture(payment: Payment, amount_minor: int, *, actor: str, now: datetime) -> PaymentEvent:
    """Puts the wish to take so much on record; what is not taken goes back to the buyer. The payment must be locked.

    Raises NotCapturable when nothing is authorised or the money is being let go or taken in another amount.
    """
    if not 0 < amount_minor <= payment.amount_minor:
        raise InvalidInput(fields={"amount": ["More than nothing, and at most what was authorised."]})
    return _request(payment, Kind.CAPTURE, amount_minor, actor=actor, now=now)


def request_void(payment: Payment, *, actor: str, now: datetime) -> PaymentEvent:
    """Puts the wish to let the money go on record. As `request_capture`."""
    return _request(payment, Kind.VOID, payment.amount_minor, actor=actor, now=now)


def _request(
    payment: Payment, kind: PaymentEvent.Kind, amount_minor: int, *, actor: str, now: datetime
) -> PaymentEvent:
    if payment.status != Payment.Status.AUTHORIZED:
        raise NotCapturable
    if waiting := open_request(payment):
        if (waiting.kind, waiting.amount_minor) != (kind, amount_minor):
            raise NotCapturable("The authorised money is being taken or let go already.")
        return waiting
    number = _requests(payment).count()
    key = f"{payment.public_id}:{kind}:{number}"
    record(payment, kind, Phase.REQUEST, key=key, amount_minor=amount_minor, now=now, payload={"actor": actor})
    return payment.events.get(idempotency_key=key)


def open_request(payment: Payment) -> PaymentEvent | None:
    """The request that the provider has not refused."""
    last = _requests(payment).order_by("id").last()
    refused = last and payment.events.filter(idempotency_key=_refusal_key(last)).exists()
    return None if refused else last


def send_requested(payment: Payment, *, now: datetime) -> bool:
    """Sends the request that waits and says whether the provider answered. With it away the reconciler sends again."""
    request = open_request(payment) if payment.status == Payment.Status.AUTHORIZED else None
    if request is None:
        return False
    provider = providers.get(payment.provider)
    try:
        ask(provider.capture if request.kind == Kind.CAPTURE else provider.void, payment, request)
    except ProviderUnavailable:
        log.warning("%s of %s is not known to have arrived and will be sent again", request, payment)
        Payment.objects.filter(pk=payment.pk).update(ask_at=now + timedelta(minutes=1))
        return False
    except PaymentRefused:
        with transaction.atomic():
            payment = lock(payment)
            payload = {"request": request.idempotency_key}
            key, amount = _refusal_key(request), request.amount_minor
            record(payment, Kind(request.kind), Phase.FAILURE, key=key, amount_minor=amount, now=now, payload=payload)
            alert(payment, f"the provider refused to {request.kind} the authorised money")
    return True


def _requests(payment: Payment) -> QuerySet[PaymentEvent]:
    return payment.events.filter(
        kind__in=[Kind.CAPTURE, Kind.VOID],
        phase=Phase.REQUEST,
        idempotency_key__regex=rf"^{payment.public_id}:(capture|void):",
    )


def _refusal_key(request: PaymentEvent) -> str:
    return f"{request.idempotency_key}:refused"
