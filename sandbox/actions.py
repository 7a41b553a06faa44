"""What can happen to a payment: a try with a card, its authentication, capture, expiry. Each emits Stripe's events."""

from typing import Any

from sandbox import disputes, objects, refunds
from sandbox.cards import DISPUTED, Card, TypedCard
from sandbox.events import emit
from sandbox.objects import customer_details
from sandbox.store import Object, Store, Transaction

AUTHENTICATION_FAILED = (
    "We are unable to authenticate your payment method. Please choose a different payment method and try again."
)


def create_intent(tx: Transaction, data: dict[str, Any], *, session: Object | None = None) -> Object:
    """A payment to be made, for a session or on its own."""
    amount, currency = (session["amount_total"], session["currency"]) if session else (data["amount"], data["currency"])
    intent = objects.payment_intent(
        data, amount=amount, currency=currency, session_id=session["id"] if session else None, now=tx.now
    )
    if "payment_method" in data:
        intent |= {"payment_method": data["payment_method"], "status": "requires_confirmation"}
    emit(tx, "payment_intent.created", intent)
    return tx.put(intent)


def pay(tx: Transaction, session: Object, typed: TypedCard, *, email: str) -> Object:
    """Try the card on the hosted page and return the payment intent; as `attempt`.

    The session must be open as this transaction reads it: the second of two submits must not pay again.
    """
    step, back = f"{session['url']}/authenticate", session["success_url"]
    return attempt(tx, _intent_of(tx, session), typed, email=email, return_url=back, step_url=step)


def _intent_of(tx: Transaction, session: Object) -> Object:
    """Like Stripe's, it does not exist before the first attempt to pay."""
    if session["payment_intent"]:
        intent = tx.get(session["payment_intent"])
        assert intent is not None
        return intent
    intent = create_intent(tx, session["_payment_intent_data"], session=session)
    session["payment_intent"] = intent["id"]
    tx.put(session)
    return intent


def attempt(
    tx: Transaction, intent: Object, typed: TypedCard, *, email: str, return_url: str | None, step_url: str
) -> Object:
    """Try the card and return the intent, which then succeeded, requires_capture (manual), requires_action (3-D
    Secure) or requires_payment_method (declined: last_payment_error says why)."""
    method = tx.put(objects.payment_method(typed, email, now=tx.now))
    intent |= {"payment_method": method["id"], "last_payment_error": None, "next_action": None}
    intent["_typed"] = {
        "number": typed.card.number, "exp_month": typed.exp_month, "exp_year": typed.exp_year, "email": email,
    }  # fmt: skip
    if not typed.card.needs_authentication:
        return _charge(tx, intent, typed, email)
    intent["status"] = "requires_action"
    redirect = {"return_url": return_url, "url": step_url}
    intent["next_action"] = {"type": "redirect_to_url", "redirect_to_url": redirect}
    emit(tx, "payment_intent.requires_action", intent)
    return tx.put(intent)


def authenticate(tx: Transaction, intent: Object, *, passed: bool) -> Object:
    """End the 3-D Secure step: the intent is in requires_action, and its session open, as this transaction reads."""
    typed = intent["_typed"]
    intent["next_action"] = None
    if passed:
        card = TypedCard(Card(typed["number"], "Succeeds"), typed["exp_month"], typed["exp_year"], {})
        return _charge(tx, intent, card, typed["email"])
    error = {"code": "payment_intent_authentication_failure", "message": AUTHENTICATION_FAILED}
    return _fail(tx, intent, error | {"type": "invalid_request_error"})


def _charge(tx: Transaction, intent: Object, typed: TypedCard, email: str) -> Object:
    charge = tx.put(objects.charge(intent, typed, email, now=tx.now))
    intent["latest_charge"] = charge["id"]
    decline = typed.card.decline
    if decline:
        emit(tx, "charge.failed", charge)
        error = {"charge": charge["id"], "code": decline.code, "decline_code": decline.decline_code}
        return _fail(tx, intent, error | {"message": decline.message, "type": "card_error"})
    if intent["capture_method"] == "manual":
        intent |= {"status": "requires_capture", "amount_capturable": intent["amount"]}
        emit(tx, "charge.succeeded", charge)
        emit(tx, "payment_intent.amount_capturable_updated", tx.put(intent))
        _complete(tx, intent, email)
        return intent
    _take(tx, intent, charge, intent["amount"])
    emit(tx, "charge.succeeded", charge)
    emit(tx, "payment_intent.succeeded", intent)
    _complete(tx, intent, email)
    return _dispute_by_card(tx, intent, charge)


def _take(tx: Transaction, intent: Object, charge: Object, amount: int) -> None:
    charge |= {"captured": True, "amount_captured": amount}
    fee = amount * 29 // 1000 + 30
    charge["balance_transaction"] = tx.put(objects.balance_transaction(charge, fee=fee, now=tx.now))["id"]
    intent |= {"status": "succeeded", "amount_received": amount, "amount_capturable": 0}
    tx.put(charge)
    tx.put(intent)


def _complete(tx: Transaction, intent: Object, email: str) -> None:
    """The session's end. With manual capture it is complete and unpaid: what is authorised is no money yet."""
    session = tx.get(intent["_session"]) if intent["_session"] else None
    if session is None:
        return
    paid = "paid" if intent["status"] == "succeeded" else "unpaid"
    session |= {
        "status": "complete", "payment_status": paid, "url": None, "customer_details": customer_details(email),
    }  # fmt: skip
    emit(tx, "checkout.session.completed", tx.put(session))


def _dispute_by_card(tx: Transaction, intent: Object, charge: Object) -> Object:
    if charge.get("_number") == DISPUTED:
        disputes.dispute(tx, charge)
    return intent


def _fail(tx: Transaction, intent: Object, error: Object) -> Object:
    method = tx.get(intent["payment_method"])
    assert method is not None
    intent["last_payment_error"] = error | {"payment_method": objects.public(method)}
    intent |= {"status": "requires_payment_method", "payment_method": None}
    emit(tx, "payment_intent.payment_failed", intent)
    return tx.put(intent)


def capture(tx: Transaction, intent: Object, amount: int) -> Object:
    """Take `amount` minor units of what was authorised; the rest is released. The intent is in requires_capture."""
    charge = tx.get(intent["latest_charge"])
    assert charge is not None
    _take(tx, intent, charge, amount)
    emit(tx, "charge.captured", charge)
    if rest := charge["amount"] - amount:
        refunds.release(tx, charge, rest)
        intent = tx.objects[intent["id"]]
    emit(tx, "payment_intent.succeeded", intent)
    session = tx.get(intent["_session"]) if intent["_session"] else None
    if session:
        tx.put(session | {"payment_status": "paid"})
    return _dispute_by_card(tx, intent, charge)


def cancel(tx: Transaction, intent: Object, *, reason: str | None) -> Object:
    """End an intent that took no money. What was authorised is released, which Stripe books as a refund."""
    if intent["status"] == "requires_capture":
        charge = tx.get(intent["latest_charge"])
        assert charge is not None
        refunds.release(tx, charge, charge["amount"])
        intent = tx.objects[intent["id"]]
    intent |= {
        "status": "canceled", "canceled_at": tx.now, "cancellation_reason": reason, "next_action": None,
        "amount_capturable": 0,
    }  # fmt: skip
    emit(tx, "payment_intent.canceled", tx.put(intent))
    return intent


def expire(tx: Transaction, session: Object) -> Object:
    """Close an open session for good; its intent, if a card was ever tried, is canceled."""
    if session["payment_intent"]:
        cancel(tx, _intent_of(tx, session), reason="expired")
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
