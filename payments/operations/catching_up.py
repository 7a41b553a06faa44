"""What neither the buyer's way back nor a message told us: asked for, at growing intervals, and compared both ways."""

import logging
from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from payments import providers
from payments.errors import PaymentRefused, ProviderUnavailable
from payments.models import Payment
from payments.providers import Listed

from . import refunds
from .attempts import begin
from .captures import warn_of_lapsing
from .ledger import FIRST_QUESTION, alert, ask, next_question
from .settling import end_session, settle

log = logging.getLogger(__name__)

BATCH = 100
STOP_AFTER = 3  # failures in a row
MAX_LISTED = 5000


def reconcile(now: datetime) -> int:
    """Asks about every online payment whose turn it is, 1, 5, 15, 30 minutes after it began and then every hour, sends
    refunds that have not arrived, and warns of authorised money that lapses.

    Gives up on a provider that fails three times in a row: the next run begins with those not asked about yet.
    Returns how many were asked.
    """
    due = Payment.objects.to_reconcile(now).select_related("order")
    # Who can have paid comes first: requests that the provider goes on failing must not be what every run stops at.
    asked = _ask_about(due.filter(external_id__isnull=False), now=now)
    asked += _ask_about(due.filter(external_id=None), now=now)
    warn_of_lapsing(now)
    return asked + refunds.send_forgotten(now, settle=settle)


def _ask_about(payments: QuerySet[Payment], *, now: datetime) -> int:
    asked = failures = 0
    for payment in payments[:BATCH]:
        if not Payment.objects.filter(pk=payment.pk, ask_at=payment.ask_at).update(**next_question(payment, now)):
            continue  # somebody else has just asked
        try:
            _catch_up(payment, now=now)
        except ProviderUnavailable:
            Payment.objects.filter(pk=payment.pk).update(ask_at=now + FIRST_QUESTION, asked=payment.asked)
            failures += 1
            if failures == STOP_AFTER:
                log.warning("reconciling stops: the payment provider is away")
                break
            continue
        except Exception:
            log.exception("%s could not be reconciled", payment)
        asked, failures = asked + 1, 0
    return asked


def _catch_up(payment: Payment, *, now: datetime) -> None:
    if payment.external_id:
        settle(payment, now=now)
    elif payment.order.is_open_for_payment:
        try:
            begin(payment, now=now)
        except PaymentRefused:
            log.warning("%s has never arrived and is too old to be sent again", payment)
    else:
        end_session(payment, now=now)


def find_orphans(since: datetime, *, now: datetime) -> list[str]:
    """Compares the provider's sessions since then with our books, both ways; answers what doesn't match, in words.

    What our books only have not heard of is settled and is no orphan. At most `MAX_LISTED` sessions are read: a
    shorter time asks about fewer. Raises ProviderUnavailable. Calls the provider: not inside a transaction.
    """
    orphans = []
    for provider in providers.PROVIDERS.values():
        if provider.is_online and provider.is_configured:
            listed = ask(provider.listed, since, MAX_LISTED)
            orphans += [problem for each in listed if (problem := _compare(each, now=now))]
            if len(listed) < MAX_LISTED:
                orphans += _missing(provider.code, {each.external_id for each in listed}, since)
    return orphans


def _compare(listed: Listed, *, now: datetime) -> str:
    """One of the provider's sessions against our books; empty when they agree."""
    if not listed.payment_id:
        return ""  # the account may serve other software, whose sessions carry none of our names
    payment = Payment.objects.select_related("order").filter(public_id=listed.payment_id).first()
    if payment is None:
        problem = f"{listed.external_id} ({listed.amount}) names {listed.payment_id}, which our books don't know"
        if listed.is_paid:
            log.error("money without a payment: %s", problem)
            return problem
        return ""
    if not (payment.external_id or payment.is_settled):
        # Its answer was lost, and the process with it: asking again with the same key finds the same session.
        _catch_up(payment, now=now)
        payment.refresh_from_db()
    if payment.external_id != listed.external_id:
        return _alerted(payment, f"{listed.external_id} is a second session of this payment") if listed.is_paid else ""
    if listed.is_paid and not payment.captured_minor:
        payment = settle(payment, now=now)
        if not payment.captured_minor and payment.status not in {Payment.Status.AUTHORIZED, Payment.Status.VOIDED}:
            return _alerted(payment, f"paid at the provider ({listed.amount}), {payment.status} in our books")
    return ""


def _missing(provider: str, listed: set[str], since: datetime) -> list[str]:
    """Money in our books that the provider knows nothing of."""
    ours = Payment.objects.filter(provider=provider, created_at__gte=since, captured_minor__gt=0).select_related(
        "order"
    )
    problem = "captured in our books, and the provider doesn't list it"
    return [_alerted(payment, problem) for payment in ours if payment.external_id not in listed]


def _alerted(payment: Payment, problem: str) -> str:
    with transaction.atomic():
        alert(payment, problem)
    return f"{payment.public_id} of order {payment.order.number}: {problem}"
