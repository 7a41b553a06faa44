"""Stripe's hosted Checkout: the card is typed at Stripe, the shop never sees it and loads no foreign script."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from logging import getLogger
from typing import Any, Literal

import stripe
from django.conf import settings
from django.urls import reverse

from orders.models import Order, OrderLine
from payments.errors import InvalidSignature, PaymentRefused, ProviderUnavailable
from payments.models import Payment, PaymentEvent, Refund
from shop import failpoints

from .base import Decline, Listed, Message, ProviderDispute, ProviderRefund, ProviderState, Started

log = getLogger(__name__)

# Stripe takes at least 30 minutes; the minute more covers a slow call and clocks that differ.
LEAST_LENGTH = timedelta(minutes=30)
SESSION_LENGTH = timedelta(minutes=31)
CLOCKS_DIFFER = timedelta(minutes=1)
MAX_SEARCHED = 1000
MAX_LINES = 100
MAX_NAME = 250
TIMEOUT = 10
RETRIES = 2
# Seconds that a signed message may be old: one that was recorded can't be sent again later.
MAX_AGE = 300

# What can change a payment's or a refund's state; every other type says the same again.
SESSION_EVENTS = frozenset(
    f"checkout.session.{kind}" for kind in ("completed", "expired", "async_payment_succeeded", "async_payment_failed")
)
DECLINED = "payment_intent.payment_failed"
OTHER_EVENTS = frozenset(
    {
        DECLINED,
        "payment_intent.amount_capturable_updated",
        "payment_intent.succeeded",
        "payment_intent.canceled",
        "charge.captured",
        "charge.refunded",
        "charge.dispute.created",
        "charge.dispute.updated",
        "charge.dispute.closed",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.funds_reinstated",
        "refund.created",
        "refund.updated",
        "refund.failed",
    }
)
DISPUTES: dict[str, Literal["inquiry", "open", "won", "lost", "closed"]] = {
    "warning_needs_response": "inquiry",
    "warning_under_review": "inquiry",
    "warning_closed": "closed",
    "prevented": "closed",
    "needs_response": "open",
    "under_review": "open",
    "won": "won",
    "lost": "lost",
}


class Stripe:
    code = "stripe"
    confirms_order = False
    is_online = True

    @property
    def is_configured(self) -> bool:
        return bool(settings.STRIPE_SECRET_KEY)

    @property
    def livemode(self) -> bool:
        return "_live_" in settings.STRIPE_SECRET_KEY

    def expires_at(self, now: datetime) -> datetime | None:
        return now + SESSION_LENGTH

    def parameters(self, payment: Payment, order: Order) -> dict[str, Any]:
        pages = f"{settings.SHOP_BASE_URL}{{}}?token={order.access_token}"
        metadata = {"order": order.public_id, "payment": payment.public_id, "number": order.number}
        assert payment.expires_at is not None
        return {
            "mode": "payment",
            # Methods that settle days later would outlive the reservation of the goods. Wallets count as cards.
            "allowed_payment_method_types": ["card"],
            "line_items": line_items(order),
            "customer_email": order.email,
            "client_reference_id": order.public_id,
            "metadata": metadata,
            "payment_intent_data": {"metadata": metadata, "description": f"Order {order.number}", **capture_method()},
            "success_url": pages.format(reverse("payments:return_", args=[order.public_id])),
            "cancel_url": pages.format(reverse("payments:pay", args=[order.public_id])),
            "expires_at": int(payment.expires_at.timestamp()),
        }

    def start(self, payment: Payment, request: PaymentEvent) -> Started:
        with translated_errors():
            try:
                session = client().v1.checkout.sessions.create(
                    request.payload, {"idempotency_key": request.idempotency_key}
                )
            except stripe.APIError as error:
                session = made_despite(error, payment)
        failpoints.reach("payments.session_created")
        return Started(session.id, session.url or "")

    def retrieve(self, payment: Payment) -> ProviderState:
        with translated_errors():
            session = client().v1.checkout.sessions.retrieve(
                session_id(payment), {"expand": ["payment_intent.latest_charge"]}
            )
            return state_of(session, refunds_of(session, payment), disputes_of(session, payment))

    def expire(self, payment: Payment) -> ProviderState:
        try:
            with translated_errors():
                client().v1.checkout.sessions.expire(session_id(payment))
        except PaymentRefused:
            log.info("%s is no longer open at Stripe", payment)
        return self.retrieve(payment)

    def captures_later(self, parameters: dict[str, Any]) -> bool:
        return parameters["payment_intent_data"].get("capture_method") == "manual"

    def capture(self, payment: Payment, request: PaymentEvent) -> None:
        with translated_errors():
            client().v1.payment_intents.capture(
                intent_id(payment),
                {"amount_to_capture": request.amount_minor},
                {"idempotency_key": request.idempotency_key},
            )

    def void(self, payment: Payment, request: PaymentEvent) -> None:
        with translated_errors():
            client().v1.payment_intents.cancel(intent_id(payment), {}, {"idempotency_key": request.idempotency_key})

    def refund(self, payment: Payment, refund: Refund) -> ProviderRefund:
        metadata = {"refund": refund.public_id, "payment": payment.public_id, "order": payment.order.public_id}
        with translated_errors():
            made = client().v1.refunds.create(
                {"payment_intent": intent_id(payment), "amount": refund.amount_minor, "metadata": metadata},
                {"idempotency_key": refund.public_id},
            )
        return refund_of(made)

    def give_back(self, payment: Payment, request: PaymentEvent) -> None:
        with translated_errors():
            session = client().v1.checkout.sessions.retrieve(session_id(payment), {"expand": ["payment_intent"]})
            intent: Any = session.payment_intent
            if intent is None:
                raise PaymentRefused
            if intent.status == "succeeded":
                client().v1.refunds.create(
                    {"payment_intent": intent.id, "metadata": {"payment": payment.public_id}},
                    {"idempotency_key": request.idempotency_key},
                )
            else:
                client().v1.payment_intents.cancel(intent.id, {}, {"idempotency_key": request.idempotency_key})

    def listed(self, since: datetime, limit: int) -> list[Listed]:
        with translated_errors():
            page = client().v1.checkout.sessions.list({"created": {"gte": int(since.timestamp())}, "limit": 100})
            return [listed_of(session) for session in islice(page.auto_paging_iter(), limit)]

    def parse_webhook(self, body: bytes, signature: str) -> Message:
        """Compares in constant time over the raw body; the signature is at most `MAX_AGE` seconds old."""
        try:
            signature.encode("ascii")  # the constant-time comparison fails on anything else
            stripe.WebhookSignature.verify_header(body, signature, settings.STRIPE_WEBHOOK_SECRET, MAX_AGE)
            event = json.loads(body)
            subject = event["data"]["object"]
            return Message(event["id"], event["type"], about(event["type"], subject) | declined(event["type"], subject))
        except (ValueError, TypeError, KeyError, stripe.SignatureVerificationError) as error:
            raise InvalidSignature from error


def client() -> stripe.StripeClient:
    return _client(settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE)


@cache
def _client(key: str, api_base: str) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        base_addresses={"api": api_base} if api_base else {},
        http_client=stripe.RequestsClient(timeout=TIMEOUT),
        max_network_retries=RETRIES,
    )


def made_despite(error: stripe.APIError, payment: Payment) -> Any:
    """The session that a failed request has made all the same: Stripe keeps a 500 as its key's answer for a day.

    Raises the error where the request may be sent again, and PaymentRefused where no such session is found: should
    there be one, nobody has its address to pay there.
    """
    if (error.headers or {}).get("Idempotent-Replayed") != "true":
        raise error
    assert payment.expires_at is not None
    # Stripe makes none that ends sooner; its clock and ours may differ.
    first = int((payment.expires_at - SESSION_LENGTH - CLOCKS_DIFFER).timestamp())
    last = int((payment.expires_at - LEAST_LENGTH + CLOCKS_DIFFER).timestamp())
    page = client().v1.checkout.sessions.list({"created": {"gte": first, "lte": last}, "limit": 100})
    found = islice(page.auto_paging_iter(), MAX_SEARCHED)
    session = next((each for each in found if listed_of(each).payment_id == payment.public_id), None)
    if session is None:
        raise PaymentRefused from error
    return session


def session_id(payment: Payment) -> str:
    if not payment.external_id:
        raise ValueError("a payment that has not begun can't be asked about")
    return payment.external_id


@contextmanager
def translated_errors() -> Iterator[None]:
    try:
        yield
    except (stripe.IdempotencyError, stripe.AuthenticationError, stripe.PermissionError) as error:
        # Our own mistake or configuration: loud in the log, and for the buyer the same as a provider that is away.
        log.exception("Stripe refuses to work for us")
        raise ProviderUnavailable from error
    except (stripe.InvalidRequestError, stripe.CardError) as error:
        log.warning("Stripe refused: %s (%s)", error.code, error.param)
        raise PaymentRefused from error
    except stripe.StripeError as error:
        log.warning("Stripe did not answer: %s", type(error).__name__)
        raise ProviderUnavailable from error


def line_items(order: Order) -> list[dict[str, Any]]:
    """The order's lines as the buyer knows them; one line for all when they would not add up to the total."""
    items = [_order_line(line, order.currency) for line in order.lines.all()]
    if freight := order.shipping_net_minor + order.shipping_tax_minor:
        items.append(_item(order.shipping_name, freight, 1, order.currency))
    total = sum(item["price_data"]["unit_amount"] * item["quantity"] for item in items)
    if total != order.total_minor or len(items) > MAX_LINES:
        return [_item(f"Order {order.number}", order.total_minor, 1, order.currency)]
    return items


def _order_line(line: OrderLine, currency: str) -> dict[str, Any]:
    if line.unit_price_minor * line.quantity == line.gross_minor:
        return _item(line.name, line.unit_price_minor, line.quantity, currency)
    # A discount or a tax on top does not always divide by the quantity.
    return _item(f"{line.quantity} x {line.name}", line.gross_minor, 1, currency)


def _item(name: str, unit_minor: int, quantity: int, currency: str) -> dict[str, Any]:
    price = {"currency": currency.lower(), "unit_amount": unit_minor, "product_data": {"name": name[:MAX_NAME]}}
    return {"price_data": price, "quantity": quantity}


def capture_method() -> dict[str, str]:
    return {"capture_method": "manual"} if settings.SHOP_CAPTURE == "manual" else {}


def intent_id(payment: Payment) -> str:
    """As the authorisation or the capture told it."""
    told = payment.events.filter(
        kind__in=[PaymentEvent.Kind.AUTHORIZE, PaymentEvent.Kind.CAPTURE], phase=PaymentEvent.Phase.SUCCESS
    ).exclude(external_ref="")
    return told.latest("id").external_ref


def state_of(
    session: Any, refunds: tuple[ProviderRefund, ...], disputes: tuple[ProviderDispute, ...] = ()
) -> ProviderState:
    intent = session.payment_intent
    status = _status(session)
    metadata = session.metadata.to_dict() if session.metadata else {}
    return ProviderState(
        status=status,
        amount_minor=session.amount_total,
        currency=session.currency.upper(),
        order_id=metadata.get("order", ""),
        payment_id=metadata.get("payment", ""),
        livemode=session.livemode,
        captured_minor=intent.amount_received if status == "captured" else 0,
        captured_ref=intent.id if status in {"captured", "authorized"} else "",
        is_manual=bool(intent) and intent.capture_method == "manual",
        capture_before=_capture_before(intent) if status == "authorized" else None,
        decline=_decline(intent),
        refunds=refunds,
        disputes=disputes,
    )


def _status(
    session: Any,
) -> Literal["open", "processing", "authorized", "captured", "voided", "failed", "expired"]:
    if session.status in {"open", "expired"}:
        return session.status
    intent = session.payment_intent
    match intent.status if intent else "":
        case "succeeded":
            return "captured"
        case "requires_capture":
            return "authorized"
        case "canceled":
            return "voided"
        case "requires_payment_method":
            return "failed"
    return "processing"


def _capture_before(intent: Any) -> datetime | None:
    """When the card's authorisation lapses. Not every network says."""
    charge = intent.latest_charge
    details = charge.to_dict().get("payment_method_details") if charge and not isinstance(charge, str) else None
    moment = ((details or {}).get("card") or {}).get("capture_before")
    return datetime.fromtimestamp(moment, UTC) if moment else None


def _decline(intent: Any) -> Decline | None:
    error = intent and intent.last_payment_error
    if not error:
        return None
    return _decline_of(intent.id, error.to_dict())


def _decline_of(intent: str, values: dict[str, Any]) -> Decline:
    reference = values.get("charge") or f"{intent}:{values.get('code')}"
    return Decline(reference, values.get("decline_code") or values.get("code") or "declined")


def refunds_of(session: Any, payment: Payment) -> tuple[ProviderRefund, ...]:
    intent = session.payment_intent
    charge = intent.latest_charge if intent else None
    # A refund that failed afterwards is gone from the charge's sum but stands in our books.
    if not charge or not (charge.amount_refunded or payment.refunded_minor):
        return ()
    listed = client().v1.refunds.list({"payment_intent": intent.id, "limit": 100})
    return tuple(refund_of(refund) for refund in without_release(list(listed.auto_paging_iter()), charge))


def without_release(refunds: list[Any], charge: Any) -> list[Any]:
    """Stripe books what was authorised and never captured as a refund of the charge too, though no money came back."""
    released = charge.amount - charge.amount_captured
    made_there = [each for each in refunds if each.amount == released and not each.metadata.to_dict().get("refund")]
    release = min(made_there, key=lambda each: each.created, default=None)
    return [each for each in refunds if each is not release]


def disputes_of(session: Any, payment: Payment) -> tuple[ProviderDispute, ...]:
    intent = session.payment_intent
    charge = intent.latest_charge if intent else None
    if not charge or not (charge.disputed or payment.events.filter(kind=PaymentEvent.Kind.DISPUTE).exists()):
        return ()
    listed = client().v1.disputes.list({"payment_intent": intent.id, "limit": 100})
    return tuple(dispute_of(dispute) for dispute in listed.auto_paging_iter())


def dispute_of(dispute: Any) -> ProviderDispute:
    due = dispute.evidence_details.due_by if dispute.evidence_details else None
    return ProviderDispute(
        reference=dispute.id,
        status=DISPUTES.get(dispute.status, "open"),
        amount_minor=dispute.amount,
        reason=dispute.reason,
        due_by=datetime.fromtimestamp(due, UTC) if due else None,
    )


def listed_of(session: Any) -> Listed:
    metadata = session.metadata.to_dict() if session.metadata else {}
    return Listed(
        external_id=session.id,
        payment_id=metadata.get("payment", ""),
        is_paid=session.status == "complete",
        amount=f"{session.amount_total} {(session.currency or '').upper()}",
    )


def refund_of(refund: Any) -> ProviderRefund:
    status: Literal["pending", "succeeded", "failed"] = "pending"
    if refund.status == "succeeded":
        status = "succeeded"
    elif refund.status in {"failed", "canceled"}:
        status = "failed"
    refund_id = refund.metadata.to_dict().get("refund", "") if refund.metadata else ""
    return ProviderRefund(refund.id, status, refund.amount, refund_id)


def about(kind: str, subject: dict[str, Any]) -> dict[str, str]:
    """Every name by which the event's object may be known to us; empty when the type is of no concern."""
    if kind not in SESSION_EVENTS | OTHER_EVENTS:
        return {}
    is_session = subject["object"] == "checkout.session"
    is_intent = subject["object"] == "payment_intent"
    names = {
        "external_id": subject["id"] if is_session else "",
        "payment_id": (subject.get("metadata") or {}).get("payment", ""),
        "captured_ref": subject["id"] if is_intent else subject.get("payment_intent") or "",
    }
    return {name: value for name, value in names.items() if isinstance(value, str) and value}


def declined(kind: str, subject: dict[str, Any]) -> dict[str, str]:
    """Which card was refused and why, for a message that says so."""
    if kind != DECLINED or not subject.get("last_payment_error"):
        return {}
    decline = _decline_of(subject["id"], subject["last_payment_error"])
    return {"declined_ref": decline.reference, "declined_code": decline.code}
