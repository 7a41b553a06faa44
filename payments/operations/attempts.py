"""An attempt to pay: begun, begun in another way, and closed with its order."""

from datetime import datetime, timedelta

from django.db import transaction

from orders import operations as orders
from orders.models import Order
from payments import providers, queries
from payments.errors import NotCapturable, NotPayable, PaymentRefused, ProviderUnavailable, TooManyAttempts
from payments.models import Payment
from shop import failpoints

from . import captures, refunds, shield
from .ledger import FIRST_QUESTION, Kind, Phase, ask, lock, project, record
from .settling import AWAITS_MONEY, end_session, settle

# A session that ends while its page loads is of no use.
LEAST_LEFT = timedelta(minutes=1)
# Each attempt prolongs the reservation of the goods; and who tries so often is testing cards.
MAX_ATTEMPTS = 10


def start(order: Order, *, now: datetime, address: str = "") -> Payment:
    """The payment by which the order can be paid: an open one, else a new one. The buyer goes to its `redirect_url`.

    `address` is the visitor's, by which declined cards are counted.
    Raises NotPayable, TooManyAttempts, CardsRefused, PaymentRefused, ProviderUnavailable (the order is kept and `start`
    may be repeated: the request goes out again with the same key). Calls the provider: not inside a transaction.
    Locks: the order, then its reservations; afterwards the payment.
    """
    shield.check(order, address=address)
    _look_again(order, now=now)
    payment, is_new = _open(order, now=now)
    shield.remember_address(payment, address)
    try:
        return begin(payment, now=now)
    except PaymentRefused:
        if is_new:
            raise
    # An earlier request of unknown outcome has never arrived, and is too old to be sent again.
    payment, _ = _open(order, now=now)
    shield.remember_address(payment, address)
    return begin(payment, now=now)


def change_method(order: Order, method: str, *, now: datetime, address: str = "") -> Payment:
    """Lets an unpaid order be paid in another way: ends what is open, then starts anew. Errors as `start`."""
    for payment in order.payments.unsettled():
        end_session(payment, now=now)
    order.refresh_from_db()
    if not order.is_open_for_payment:
        raise NotPayable
    order = orders.change_payment_method(order, method, now=now)
    return start(order, now=now, address=address)


def close_order(order: Order, *, now: datetime) -> None:
    """Leaves nothing of a cancelled order to be paid and gives back what was. Errors and locks as `end_session`."""
    for payment in order.payments.unsettled():
        end_session(payment, now=now)
    for payment in order.payments.authorized():
        _let_go(payment, now=now)
    refunds.refund_order(order, reason="order cancelled", now=now)


def _let_go(payment: Payment, *, now: datetime) -> None:
    """The money is released, or taken already and then refunded. Unknown is neither: the handler comes again."""
    try:
        payment = captures.void(payment, actor=orders.SYSTEM, now=now)
    except NotCapturable:
        payment = settle(payment, now=now)
    if payment.status == Payment.Status.AUTHORIZED:
        raise ProviderUnavailable


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
    wish = Kind.AUTHORIZE if provider.captures_later(parameters) else Kind.CAPTURE
    record(payment, wish, Phase.REQUEST, key=key, amount_minor=payment.amount_minor, now=now, payload=parameters)
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


def begin(payment: Payment, *, now: datetime) -> Payment:
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
