"""Money back. A refund is on record, checked under the payment's lock, before the provider is asked to send it."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, Sum
from django.db.models.functions import Coalesce

from orders.models import Order
from payments import providers
from payments.errors import KeyReused, PaymentRefused, ProviderUnavailable, RefundTooLarge
from payments.models import Payment, Refund, RefundLine
from payments.providers import ProviderRefund
from shop import failpoints, outbox
from shop.errors import InvalidInput

from .ledger import Kind, Phase, alert, ask, lock, lock_all, lock_among, project, record, tell_order
from .shares import NOTHING, Shares, left_of, of_amount, of_lines, split, store

log = logging.getLogger(__name__)

SEND_AGAIN_AFTER = timedelta(minutes=1)
BATCH = 100
MAX_KEY = 120


def refund_lines(
    order: Order,
    quantities: Mapping[str, int],
    *,
    shipping_minor: int = 0,
    reason: str,
    key: str,
    now: datetime,
) -> list[Refund]:
    """Gives back so many units of each line, by its public id, and so much of the delivery: once for each `key`.

    The order's payments bear it, the first one first, so there may be several refunds; none when it all cost nothing.
    Raises NothingLeft, RefundTooLarge, InvalidInput, and Conflict when the key was used for something else.
    Calls the provider: not inside a transaction. Locks: the order's payments; afterwards payment and order.
    """
    with transaction.atomic():
        payments = lock_all(order)
        made = _with_key(order, key, quantities, shipping_minor)
        if made is None:
            shares = of_lines(left_of(order), quantities, shipping_minor)
            made = _spread(payments, shares, reason=reason, key=key, now=now)
    return _sent(made, now=now)


def refund_left(
    order: Order, quantities: Mapping[str, int], *, reason: str, key: str, now: datetime
) -> list[Refund] | None:
    """Gives back units, once for each `key`, as far as staff have not done so: nothing may be left, or paid yet.

    None when the money does not suffice, of which staff are told. Locks and provider as `refund_lines`.
    """
    with transaction.atomic():
        payments = lock_all(order)
        made = _made_with(key)
        if not made:
            left = left_of(order)
            units = {line: min(quantity, left.lines[line].quantity) for line, quantity in quantities.items()}
            shares = of_lines(left, {line: quantity for line, quantity in units.items() if quantity}, 0)
            paid = any(payment.captured_minor for payment in payments)
            try:
                made = _spread(payments, shares, reason=reason, key=key, now=now) if paid else []
            except RefundTooLarge:
                alert(payments[-1], f"units are to be refunded ({reason}), and what is left of the money is too little")
                return None
    return _sent(made, now=now)


def preview_lines(order: Order, quantities: Mapping[str, int], *, shipping_minor: int = 0) -> Shares:
    """What `refund_lines` would give back now. Raises what it raises, and changes nothing."""
    shares = of_lines(left_of(order), quantities, shipping_minor)
    if shares.gross_minor > sum(refundable(payment) for payment in order.payments.all()):
        raise RefundTooLarge
    return shares


def preview_amount(order: Order, amount_minor: int) -> Shares:
    """What `refund_amount` would give back now, as far as it is of the order. Raises what it raises."""
    _by_payment(list(order.payments.order_by("id")), amount_minor)
    left = left_of(order)
    if amount_minor > left.gross_minor:
        raise RefundTooLarge
    return of_amount(left, amount_minor)


def refund_amount(order: Order, amount_minor: int, *, reason: str, key: str, now: datetime) -> list[Refund]:
    """Gives an amount back that is no unit's price, spread over what is left of the order. As `refund_lines`."""
    if amount_minor <= 0:
        raise InvalidInput(fields={"amount": ["More than nothing."]})
    with transaction.atomic():
        payments = lock_all(order)
        made = _with_key(order, key, None, amount_minor)
        if made is None:
            made = []
            for number, (payment, amount) in enumerate(_by_payment(payments, amount_minor)):
                made.append(request(payment, amount, reason=reason, key=_numbered(key, number), now=now))
    return _sent(made, now=now)


def refund(payment: Payment, amount_minor: int, *, reason: str, key: str, now: datetime) -> Refund:
    """Gives `amount_minor` minor units of one payment back, once for each `key`; `requested`: sent until it arrives.

    Raises RefundTooLarge, and Conflict when the key was used for another amount.
    Calls the provider: not inside a transaction. Locks: the order's payments; afterwards payment and order.
    """
    with transaction.atomic():
        made = request(lock_among(payment), amount_minor, reason=reason, key=key, now=now)
    return _sent([made], now=now)[0]


def refund_rest(payment: Payment, *, reason: str, now: datetime) -> Refund | None:
    """Gives back what is left of the payment; None when nothing is, so a second call gives nothing. As `refund`."""
    with transaction.atomic():
        locked = lock_among(payment)
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
    """What has been captured and neither gone back, nor been promised back, nor been taken by a dispute."""
    pending = payment.refunds.filter(status=Refund.Status.REQUESTED).aggregate(sum=Sum("amount_minor"))["sum"] or 0
    return max(0, payment.captured_minor - payment.refunded_minor - payment.disputed_minor - pending)


def request(payment: Payment, amount_minor: int, *, reason: str, key: str, now: datetime) -> Refund:
    """Puts a refund on record. The order's payments must be locked: two of 60 of 100 would both find room otherwise."""
    if existing := Refund.objects.filter(idempotency_key=key).first():
        if (existing.payment_id, existing.amount_minor) != (payment.pk, amount_minor):
            raise KeyReused
        return existing
    if amount_minor <= 0:
        raise InvalidInput(fields={"amount": ["More than nothing."]})
    if amount_minor > refundable(payment):
        raise RefundTooLarge
    kind, shares = _divide(payment, amount_minor)
    return _request(payment, amount_minor, kind, shares, reason=reason, key=key, now=now)


def _divide(payment: Payment, amount_minor: int) -> tuple[Refund.Kind, Shares | None]:
    """What an amount is of the order: all its units when it is all that is left, else a part of each, else nothing."""
    left = left_of(payment.order)
    if amount_minor > left.gross_minor or amount_minor <= _surplus(payment.order):
        return Refund.Kind.UNDIVIDED, None
    if amount_minor == left.gross_minor:
        return Refund.Kind.LINES, left
    return Refund.Kind.AMOUNT, of_amount(left, amount_minor)


def _surplus(order: Order) -> int:
    """What was paid above the order's total and has not gone back: paid twice, or before an edit made it cheaper."""
    captured = order.payments.aggregate(sum=Coalesce(Sum("captured_minor"), 0))["sum"]
    undivided = Refund.objects.living().filter(payment__order=order, kind=Refund.Kind.UNDIVIDED)
    gone = undivided.aggregate(sum=Coalesce(Sum("amount_minor"), 0))["sum"]
    return captured - gone - order.total_minor


def _request(
    payment: Payment,
    amount_minor: int,
    kind: Refund.Kind,
    shares: Shares | None,
    *,
    reason: str,
    key: str,
    now: datetime,
) -> Refund:
    freight = shares.shipping if shares else NOTHING
    made = Refund.objects.create(
        payment=payment,
        kind=kind,
        amount_minor=amount_minor,
        shipping_net_minor=freight.net_minor,
        shipping_tax_minor=freight.tax_minor,
        reason=reason[:60],
        idempotency_key=key,
        created_at=now,
    )
    if shares:
        store(made, shares)
    record(payment, Kind.REFUND, Phase.REQUEST, key=f"{made.public_id}:request", amount_minor=amount_minor, now=now)
    return made


def _spread(payments: list[Payment], shares: Shares, *, reason: str, key: str, now: datetime) -> list[Refund]:
    bearers = _by_payment(payments, shares.gross_minor)
    parts = split(shares, [amount for _, amount in bearers])
    return [
        _request(payment, amount, Refund.Kind.LINES, part, reason=reason, key=_numbered(key, number), now=now)
        for number, ((payment, amount), part) in enumerate(zip(bearers, parts, strict=True))
    ]


def _by_payment(payments: list[Payment], amount_minor: int) -> list[tuple[Payment, int]]:
    """Who bears how much of the amount. Raises RefundTooLarge when together they can't."""
    bearers = []
    for payment in payments:
        part = min(amount_minor, refundable(payment))
        if part:
            bearers.append((payment, part))
            amount_minor -= part
    if amount_minor:
        raise RefundTooLarge
    return bearers


def _with_key(order: Order, key: str, quantities: Mapping[str, int] | None, amount_minor: int) -> list[Refund] | None:
    """What the key has led to before. Raises KeyReused when that was something else."""
    if len(_numbered(key, 99)) > MAX_KEY:
        raise InvalidInput(fields={"key": [f"At most {MAX_KEY - 3} characters."]})
    made = _made_with(key)
    if not made:
        return None
    if any(refund.payment.order_id != order.pk for refund in made):
        raise KeyReused
    if quantities is None:
        is_same = sum(refund.amount_minor for refund in made) == amount_minor
    else:
        counted = RefundLine.objects.filter(refund__in=made).values_list("order_line__public_id")
        freight = sum(refund.shipping_net_minor + refund.shipping_tax_minor for refund in made)
        units = {line: quantity for line, quantity in counted.annotate(Sum("quantity")) if quantity}
        is_same = (units, freight) == (dict(quantities), amount_minor)
    if not is_same:
        raise KeyReused
    return made


def _made_with(key: str) -> list[Refund]:
    return list(Refund.objects.filter(Q(idempotency_key=key) | Q(idempotency_key__startswith=f"{key}/")).order_by("id"))


def _numbered(key: str, number: int) -> str:
    return f"{key}/{number}" if number else key


def _sent(made: list[Refund], *, now: datetime) -> list[Refund]:
    for each in made:
        send_requested(each.payment, now=now)
        each.refresh_from_db()
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
        kind, shares = _divide(payment, answer.amount_minor)
        key = f"{payment.provider}:{answer.reference}"
        made = _request(payment, answer.amount_minor, kind, shares, reason="made at the provider", key=key, now=now)
        made.external_id = answer.reference
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
