"""Stripe's hosted Checkout: the card is typed at Stripe, the shop never sees it and loads no foreign script."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from logging import getLogger
from typing import Any, Literal

import stripe
from django.conf import settings
from django.urls import reverse

from orders.models import Order, OrderLine
from payments.errors import InvalidSignature, PaymentRefused, ProviderUnavailable
from payments.models import Payment, PaymentEvent, Refund
from shop import failpoints

from .base import Decline, Message, ProviderRefund, ProviderState, Started

log = getLogger(__name__)

# Stripe takes at least 30 minutes; the minute more covers a slow call and clocks that differ.
SESSION_LENGTH = timedelta(minutes=31)
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
OTHER_EVENTS = frozenset(
    {"payment_intent.payment_failed", "charge.refunded", "refund.created", "refund.updated", "refund.failed"}
)


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
            "payment_method_types": ["card"],
            "line_items": line_items(order),
            "customer_email": order.email,
            "client_reference_id": order.public_id,
            "metadata": metadata,
            "payment_intent_data": {"metadata": metadata, "description": f"Order {order.number}"},
            "success_url": pages.format(reverse("payments:return_", args=[order.public_id])),
            "cancel_url": pages.format(reverse("payments:pay", args=[order.public_id])),
            "expires_at": int(payment.expires_at.timestamp()),
        }

    def start(self, payment: Payment, request: PaymentEvent) -> Started:
        with translated_errors():
            session = client().v1.checkout.sessions.create(
                request.payload, {"idempotency_key": request.idempotency_key}
            )
        failpoints.reach("payments.session_created")
        return Started(session.id, session.url or "")

    def retrieve(self, payment: Payment) -> ProviderState:
        with translated_errors():
            session = client().v1.checkout.sessions.retrieve(
                session_id(payment), {"expand": ["payment_intent.latest_charge"]}
            )
            return state_of(session, refunds_of(session, payment))

    def expire(self, payment: Payment) -> ProviderState:
        try:
            with translated_errors():
                client().v1.checkout.sessions.expire(session_id(payment))
        except PaymentRefused:
            log.info("%s is no longer open at Stripe", payment)
        return self.retrieve(payment)

    def refund(self, payment: Payment, refund: Refund) -> ProviderRefund:
        capture = payment.events.get(kind=PaymentEvent.Kind.CAPTURE, phase=PaymentEvent.Phase.SUCCESS)
        metadata = {"refund": refund.public_id, "payment": payment.public_id, "order": payment.order.public_id}
        with translated_errors():
            made = client().v1.refunds.create(
                {"payment_intent": capture.external_ref, "amount": refund.amount_minor, "metadata": metadata},
                {"idempotency_key": refund.public_id},
            )
        return refund_of(made)

    def parse_webhook(self, body: bytes, signature: str) -> Message:
        """Compares in constant time over the raw body; the signature is at most `MAX_AGE` seconds old."""
        try:
            signature.encode("ascii")  # the constant-time comparison fails on anything else
            stripe.WebhookSignature.verify_header(body, signature, settings.STRIPE_WEBHOOK_SECRET, MAX_AGE)
            event = json.loads(body)
            return Message(event["id"], event["type"], about(event["type"], event["data"]["object"]))
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


def state_of(session: Any, refunds: tuple[ProviderRefund, ...]) -> ProviderState:
    intent = session.payment_intent
    status = _status(session)
    return ProviderState(
        status=status,
        amount_minor=intent.amount_received if status == "captured" else session.amount_total,
        currency=session.currency.upper(),
        order_id=session.metadata.to_dict().get("order", "") if session.metadata else "",
        payment_id=session.metadata.to_dict().get("payment", "") if session.metadata else "",
        livemode=session.livemode,
        captured_ref=intent.id if status == "captured" else "",
        decline=_decline(intent),
        refunds=refunds,
    )


def _status(session: Any) -> Literal["open", "processing", "captured", "failed", "expired"]:
    if session.status in {"open", "expired"}:
        return session.status
    if session.payment_status == "paid" and session.payment_intent:
        return "captured"
    failed = session.payment_intent and session.payment_intent.status in {"canceled", "requires_payment_method"}
    return "failed" if failed else "processing"


def _decline(intent: Any) -> Decline | None:
    error = intent and intent.last_payment_error
    if not error:
        return None
    values = error.to_dict()
    reference = values.get("charge") or f"{intent.id}:{values.get('code')}"
    return Decline(reference, values.get("decline_code") or values.get("code") or "declined")


def refunds_of(session: Any, payment: Payment) -> tuple[ProviderRefund, ...]:
    intent = session.payment_intent
    charge = intent.latest_charge if intent else None
    # A refund that failed afterwards is gone from the charge's sum but stands in our books.
    if not charge or not (charge.amount_refunded or payment.refunded_minor):
        return ()
    listed = client().v1.refunds.list({"payment_intent": intent.id, "limit": 100})
    return tuple(refund_of(refund) for refund in listed.auto_paging_iter())


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
