"""Messages from providers: kept first, handled by a worker. They say where to look; the provider is asked again."""

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from payments import providers
from payments.errors import ProviderUnavailable, UnknownPayment
from payments.models import Payment, PaymentEvent, WebhookEvent
from payments.providers import Decline
from shop import failpoints, outbox
from shop.errors import DomainError

from .ledger import lock
from .settling import record_decline, settle

log = logging.getLogger(__name__)

# A killed worker's message is taken up this much later. A provider may take longer to answer, with every retry: two
# workers then ask it, and `settle` writes down once what it says.
LEASE = timedelta(seconds=20)
LONGEST_WAIT = timedelta(hours=1)
FORGET_BATCH = 5000


def store_webhook(provider: str, body: bytes, signature: str, *, now: datetime) -> None:
    """Keeps a signed message once by its id and wakes a worker. Raises InvalidSignature."""
    message = providers.get(provider).parse_webhook(body, signature)
    event = WebhookEvent(
        provider=provider,
        event_id=message.event_id,
        type=message.type[:80],
        payload=message.about,
        received_at=now,
        due_at=now,
    )
    WebhookEvent.objects.bulk_create([event], ignore_conflicts=True)
    failpoints.reach("webhooks.stored")
    if message.about:
        outbox.wake("payments.tasks.handle_webhooks")


def handle_webhooks(now: datetime) -> int:
    """Settles what each due message is about; returns how many were handled.

    A message about a payment that is not known yet is tried again with growing gaps, and so is one that fails.
    Locks: one message for the length of its claim; then as `settle`.
    """
    handled = 0
    while event := _claim(now):
        try:
            failpoints.reach("webhooks.claimed")
            _handle(event, now)
        except ProviderUnavailable as error:
            _postpone(event, error.code, now)
            break
        except DomainError as error:
            _postpone(event, error.code, now)
        except Exception as error:
            log.exception("webhook %s failed, attempt %s", event, event.attempts)
            _postpone(event, type(error).__name__, now)
        else:
            failpoints.reach("webhooks.handled")
            WebhookEvent.objects.filter(pk=event.pk).update(handled_at=now, last_error="")
            handled += 1
    return handled


def forget_webhooks(before: datetime) -> int:
    """Deletes messages that were handled before then, in batches. What could not be handled waits for staff."""
    forgotten = 0
    old = WebhookEvent.objects.filter(handled_at__lt=before)
    while batch := list(old.values_list("pk", flat=True)[:FORGET_BATCH]):
        forgotten += WebhookEvent.objects.filter(pk__in=batch).delete()[0]
    return forgotten


def _claim(now: datetime) -> WebhookEvent | None:
    with transaction.atomic():
        event = WebhookEvent.objects.due(now).order_by("due_at").select_for_update(skip_locked=True).first()
        if event:
            event.attempts += 1
            event.due_at = now + LEASE
            event.save(update_fields=["attempts", "due_at"])
    return event


def _handle(event: WebhookEvent, now: datetime) -> None:
    if not event.payload:
        return
    payment = _payment_of(event)
    if payment is None:
        raise UnknownPayment
    if reference := event.payload.get("declined_ref"):
        # Each refused card counts, and the provider's object shows only the last.
        with transaction.atomic():
            record_decline(lock(payment), Decline(reference, event.payload["declined_code"]), now=now)
    settle(payment, now=now)


def _payment_of(event: WebhookEvent) -> Payment | None:
    about = event.payload
    payments = Payment.objects.filter(provider=event.provider)
    # "" and not None, which would be every payment that has not begun.
    named = Q(external_id=about.get("external_id", "")) | Q(public_id=about.get("payment_id", ""))
    if found := payments.filter(named).first():
        return found
    reference = about.get("captured_ref")
    captures = PaymentEvent.objects.filter(
        kind__in=[PaymentEvent.Kind.AUTHORIZE, PaymentEvent.Kind.CAPTURE], phase=PaymentEvent.Phase.SUCCESS
    )
    return (
        payments.filter(pk__in=captures.filter(external_ref=reference).values("payment")).first() if reference else None
    )


def _postpone(event: WebhookEvent, error: str, now: datetime) -> None:
    event.last_error = error[:200]
    event.due_at = now + min(timedelta(seconds=2 ** min(event.attempts, 12)), LONGEST_WAIT)
    event.save(update_fields=["last_error", "due_at"])
    if event.attempts >= WebhookEvent.MAX_ATTEMPTS:
        log.error("webhook %s is given up: %s", event, error)
