"""Money at the provider that is not what our books expect: staff look at it, and accept it or give it back."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from payments import providers
from payments.errors import PaymentRefused, WrongPayment
from payments.models import Payment
from payments.providers import ProviderState
from shop.money import Money

from .ledger import Kind, Phase, ask, lock, lock_among, record
from .settling import mismatch, record_capture, record_end, settle


@dataclass(frozen=True)
class Difference:
    """`problem` is empty when there is none. `found` is what the provider has, in words."""

    problem: str
    found: str
    can_be_accepted: bool
    can_be_given_back: bool


def compare(payment: Payment) -> Difference:
    """Asks the provider and compares. Raises ProviderUnavailable, WrongPayment where there is nobody to ask."""
    return _difference(payment, _ask(payment))


def accept(payment: Payment, *, actor: str, now: datetime) -> Payment:
    """Takes money that is less than expected as what the order is paid with: staff know why.

    Raises WrongPayment when it isn't this payment's, in its currency. Calls the provider: not inside a transaction.
    Locks: payment, order, reservations, stock.
    """
    state = _ask(payment)
    with transaction.atomic():
        payment = lock_among(payment)
        if not _difference(payment, state).can_be_accepted:
            raise WrongPayment
        accepted = {"accepted_by": actor}
        record_capture(payment, state.captured_minor, state.captured_ref, now=now, payload=accepted)
    return settle(payment, now=now)


def give_back(payment: Payment, *, actor: str, now: datetime) -> Payment:
    """Sends money that our books can't take back to where it came from, and ends the payment. Errors as `accept`.

    The order stays open: it can be paid anew. Calls the provider: not inside a transaction. Locks: payment, order.
    """
    state = _ask(payment)
    with transaction.atomic():
        payment = lock(payment)
        if not _difference(payment, state).can_be_given_back:
            raise WrongPayment
        key, found = f"{payment.public_id}:give_back", {"actor": actor, "found": _words(state)}
        record(payment, Kind.VOID, Phase.REQUEST, key=key, amount_minor=payment.amount_minor, now=now, payload=found)
        request = payment.events.get(idempotency_key=key)
    try:
        ask(providers.get(payment.provider).give_back, payment, request)
    except PaymentRefused as error:
        raise WrongPayment("The payment service refuses to give this money back.") from error
    with transaction.atomic():
        payment = lock(payment)
        record_end(payment, Payment.Status.VOIDED, now=now)
    return payment


def _ask(payment: Payment) -> ProviderState:
    provider = providers.get(payment.provider)
    if not provider.is_online or not payment.external_id:
        raise WrongPayment("This payment has not begun at a payment service.")
    try:
        return ask(provider.retrieve, payment)
    except PaymentRefused as error:
        raise WrongPayment("The payment service does not know this payment.") from error


def _difference(payment: Payment, state: ProviderState) -> Difference:
    problem = mismatch(payment, state)
    is_ours = (state.order_id, state.payment_id) == (payment.order.public_id, payment.public_id)
    waits = bool(problem) and is_ours and not payment.is_settled and state.status in {"captured", "authorized"}
    fits = state.currency == payment.currency and 0 < state.captured_minor <= payment.amount_minor
    same_mode = state.livemode == providers.get(payment.provider).livemode
    return Difference(problem, _words(state), waits and fits and same_mode, waits)


def _words(state: ProviderState) -> str:
    return f"{Money(state.captured_minor or state.amount_minor, state.currency)}, {state.status}"
