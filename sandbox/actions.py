"""What can happen to a payment: a try with a card, its authentication, expiry, refund. Each emits Stripe's events."""

from typing import Any

from sandbox import objects
from sandbox.cards import Card, TypedCard
from sandbox.errors import ApiError
from sandbox.money import format_amount
from sandbox.objects import customer_details, new_id
from sandbox.store import Object, Store, Transaction

AUTHENTICATION_FAILED = (
    "We are unable to authenticate your payment method. Please choose a different payment method and try again."
)


def emit(tx: Transaction, kind: str, obj: Object, *, previous: Object | None = None) -> None:
    """Record the event with a full snapshot of the object as it is now, and owe its webhook."""
    event = tx.put(objects.event(kind, obj, previous=previous, request=tx.request, now=tx.now))
    tx.set_webhook(event["id"], state="pending", attempts=0, next_at=tx.now)


def pay(tx: Transaction, session: Object, typed: TypedCard, *, email: str) -> Object:
    """Try the card and return the payment intent, which then succeeded, requires_action (3-D Secure) or
    requires_payment_method (declined: last_payment_error says why).

    The session must be open as this transaction reads it: the second of two submits must not pay again.
    """
    intent = _intent(tx, session)
    intent |= {"payment_method": new_id("pm"), "last_payment_error": None, "next_action": None}
    intent["_typed"] = {
        "number": typed.card.number, "exp_month": typed.exp_month, "exp_year": typed.exp_year, "email": email,
    }  # fmt: skip
    if not typed.card.needs_authentication:
        return _charge(tx, session, intent, typed, email)
    intent["status"] = "requires_action"
    redirect = {"return_url": session["success_url"], "url": f"{session['url']}/authenticate"}
    intent["next_action"] = {"type": "redirect_to_url", "redirect_to_url": redirect}
    emit(tx, "payment_intent.requires_action", intent)
    return tx.put(intent)


def authenticate(tx: Transaction, session: Object, intent: Object, *, passed: bool) -> Object:
    """End the 3-D Secure step: the session is open and its intent in requires_action, as this transaction reads."""
    typed = intent["_typed"]
    intent["next_action"] = None
    if passed:
        card = TypedCard(Card(typed["number"], "Succeeds"), typed["exp_month"], typed["exp_year"], {})
        return _charge(tx, session, intent, card, typed["email"])
    error = {"code": "payment_intent_authentication_failure", "message": AUTHENTICATION_FAILED}
    return _fail(tx, intent, error | {"type": "invalid_request_error"})


def _intent(tx: Transaction, session: Object) -> Object:
    if session["payment_intent"]:
        intent = tx.get(session["payment_intent"])
        assert intent is not None
        return intent
    intent = objects.payment_intent(session, now=tx.now)
    session["payment_intent"] = intent["id"]
    tx.put(session)
    emit(tx, "payment_intent.created", intent)
    return tx.put(intent)


def _charge(tx: Transaction, session: Object, intent: Object, typed: TypedCard, email: str) -> Object:
    charge = objects.charge(intent, typed, email, now=tx.now)
    intent["latest_charge"] = charge["id"]
    decline = typed.card.decline
    if decline:
        tx.put(charge)
        emit(tx, "charge.failed", charge)
        error = {"charge": charge["id"], "code": decline.code, "decline_code": decline.decline_code}
        return _fail(tx, intent, error | {"message": decline.message, "type": "card_error"})
    fee = charge["amount"] * 29 // 1000 + 30
    charge["balance_transaction"] = tx.put(objects.balance_transaction(charge, fee=fee, now=tx.now))["id"]
    intent |= {"status": "succeeded", "amount_received": charge["amount"]}
    session |= {
        "status": "complete", "payment_status": "paid", "url": None, "customer_details": customer_details(email),
    }  # fmt: skip
    for obj in (charge, intent, session):
        tx.put(obj)
    emit(tx, "charge.succeeded", charge)
    emit(tx, "payment_intent.succeeded", intent)
    emit(tx, "checkout.session.completed", session)
    return intent


def _fail(tx: Transaction, intent: Object, error: Object) -> Object:
    intent["last_payment_error"] = error | {
        "payment_method": {"id": intent["payment_method"], "object": "payment_method", "type": "card"}
    }
    intent |= {"status": "requires_payment_method", "payment_method": None}
    emit(tx, "payment_intent.payment_failed", intent)
    return tx.put(intent)


def expire(tx: Transaction, session: Object) -> Object:
    """Close an open session for good; its intent, if a card was ever tried, is canceled."""
    if session["payment_intent"]:
        intent = _intent(tx, session)
        intent |= {"status": "canceled", "canceled_at": tx.now, "cancellation_reason": "expired", "next_action": None}
        emit(tx, "payment_intent.canceled", tx.put(intent))
    session |= {"status": "expired", "url": None}
    emit(tx, "checkout.session.expired", session)
    return tx.put(session)


def expire_due(store: Store, *, now: float) -> int:
    """Expire every open session whose time has come; returns how many. Locks: the whole store, per session."""
    due = [ident for ident, expires_at in list(store.open_sessions.items()) if expires_at <= now]
    for ident in due:
        with store.transaction(now=now) as tx:
            session = tx.get(ident)
            if session and session["status"] == "open":
                expire(tx, session)
    return len(due)


def refund(tx: Transaction, charge: Object, params: dict[str, Any]) -> Object:
    """Give back `amount` in minor units, or all that is left. Raises ApiError when that is more than is left."""
    left = charge["amount_captured"] - charge["amount_refunded"]
    if left == 0:
        raise ApiError(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount = params.get("amount", left)
    if amount > left:
        wanted, limit = format_amount(amount, charge["currency"]), format_amount(left, charge["currency"])
        raise ApiError(
            f"Refund amount ({wanted}) is greater than unrefunded amount on charge ({limit})", param="amount"
        )
    refund = objects.refund(charge, params, amount=amount, now=tx.now)
    refund["balance_transaction"] = tx.put(objects.balance_transaction(refund, fee=0, now=tx.now))["id"]
    emit(tx, "refund.created", refund)
    _return_to_charge(tx, charge, refund)
    # The bank's reference arrives after the refund: a handler must live with an update of what it already settled.
    card = refund["destination_details"]["card"]
    before = {"destination_details": {"card": dict(card)}}
    card |= {"reference": f"4242{tx.now}{amount}"[:23], "reference_status": "available"}
    emit(tx, "refund.updated", refund, previous=before)
    return tx.put(refund)


def _return_to_charge(tx: Transaction, charge: Object, refund: Object) -> None:
    before = {"amount_refunded": charge["amount_refunded"], "refunded": charge["refunded"]}
    charge["amount_refunded"] += refund["amount"]
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    emit(tx, "charge.refunded", tx.put(charge), previous=before)
    intent = tx.get(charge["payment_intent"])
    assert intent is not None
    intent["_refunds"].append(refund["id"])
    tx.put(intent)
