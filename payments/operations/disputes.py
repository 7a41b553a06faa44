"""A buyer takes the matter to the bank, which takes the money at once and gives it back only if the shop wins."""

from datetime import datetime

from orders.models import Order
from payments.models import Payment, PaymentEvent
from payments.providers import ProviderDispute
from shop.money import Money

from . import refunds
from .ledger import Kind, Phase, alert, project, record, tell_order


def adopt(payment: Payment, dispute: ProviderDispute, *, now: datetime) -> None:
    """Takes over what the provider says of a dispute: request is its opening, success its loss, failure its being won.

    An inquiry moves no money. The payment must be locked.
    """
    amount = Money(dispute.amount_minor, payment.currency)
    if dispute.status == "inquiry":
        if _record(payment, dispute, "inquiry", Phase.REQUEST, 0, now=now):
            alert(payment, f"the buyer asks the bank about {amount} ({dispute.reason}): answer at the provider")
        return
    if dispute.status == "closed":
        if _was(payment, dispute, "inquiry") or _was(payment, dispute, "opened"):
            _close(payment, dispute, "closed", now=now)
        return
    if _record(payment, dispute, "opened", Phase.REQUEST, dispute.amount_minor, now=now):
        project(payment, now=now)
        until = f" before {dispute.due_by:%d %B %H:%M} UTC" if dispute.due_by else ""
        alert(payment, f"the buyer disputes {amount} ({dispute.reason}): answer at the provider{until}")
    if dispute.status == "won":
        _close(payment, dispute, "won", now=now)
    if dispute.status == "lost" and _record(payment, dispute, "lost", Phase.SUCCESS, dispute.amount_minor, now=now):
        project(payment, now=now)
        tell_order(payment.order, now=now)
        alert(payment, f"the dispute of {amount} is lost: the money stays with the buyer")


def _close(payment: Payment, dispute: ProviderDispute, word: str, *, now: datetime) -> None:
    """The money is the shop's again; that of an order that was cancelled meanwhile goes back at last."""
    amount = dispute.amount_minor if _was(payment, dispute, "opened") else 0
    if not _record(payment, dispute, word, Phase.FAILURE, amount, now=now):
        return
    project(payment, now=now)
    alert(payment, f"the dispute of {Money(dispute.amount_minor, payment.currency)} is over: the money is the shop's")
    left = refunds.refundable(payment)
    if left and payment.order.status == Order.Status.CANCELLED:
        key = f"{payment.public_id}:won:{dispute.reference}"
        refunds.request(payment, left, reason="order cancelled", key=key, now=now)


def _was(payment: Payment, dispute: ProviderDispute, word: str) -> bool:
    return payment.events.filter(idempotency_key=f"{dispute.reference}:{word}").exists()


def _record(
    payment: Payment,
    dispute: ProviderDispute,
    word: str,
    phase: PaymentEvent.Phase,
    amount_minor: int,
    *,
    now: datetime,
) -> bool:
    return record(
        payment,
        Kind.DISPUTE,
        phase,
        key=f"{dispute.reference}:{word}",
        amount_minor=amount_minor,
        now=now,
        external_ref=dispute.reference,
        payload={"reason": dispute.reason},
    )
