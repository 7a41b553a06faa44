from datetime import datetime

from django.db import transaction

from orders import operations as orders
from orders.models import Order
from payments import providers
from payments.errors import NotPayable
from payments.models import Payment

from .ledger import Kind, Phase, lock, project, record


@transaction.atomic
def record_manual_payment(order: Order, *, actor: str, now: datetime) -> Payment:
    """Books money that a person saw arrive for an order by bank transfer or cash on delivery: the whole total, once.

    Raises NotPayable without such a payment, and what `mark_paid` raises; then nothing is booked.
    Locks: payment, order, reservations, stock.
    """
    codes = [code for code, provider in providers.PROVIDERS.items() if not provider.is_online]
    newest = order.payments.filter(provider__in=codes).order_by("id").last()
    if newest is None:
        raise NotPayable("This order is paid online.")
    payment = lock(newest)
    if payment.captured_minor:
        return payment
    if payment.is_settled:
        raise NotPayable
    key, amount = f"{payment.public_id}:capture", payment.amount_minor
    record(payment, Kind.CAPTURE, Phase.SUCCESS, key=key, amount_minor=amount, now=now, payload={"actor": actor})
    project(payment, now=now)
    orders.mark_paid(payment.order, payment_reference=payment.public_id, now=now)
    return payment
