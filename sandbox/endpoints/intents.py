"""PaymentIntents, and the charges and payment methods that they leave behind."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sandbox import actions, objects, params
from sandbox.calls import IDENT, Call, Route, reader
from sandbox.cards import TypedCard, by_token
from sandbox.errors import ApiError
from sandbox.money import MAXIMUM, format_amount, minimum
from sandbox.params import Check, Required, boolean, choice, group, integer, items, metadata, short_text, text
from sandbox.store import Object

SHARED: dict[str, Check | Required] = {
    "capture_method": params.CAPTURE_METHOD,
    "off_session": boolean,
    "payment_method": text,
    "receipt_email": params.email,
    "return_url": params.url,
    "expand": params.EXPAND,
}
INTENT = group(
    {
        **SHARED,
        "amount": Required(integer(0, MAXIMUM)),
        "currency": Required(params.currency),
        "automatic_payment_methods": group(
            {"enabled": Required(boolean), "allow_redirects": choice("always", "never")}
        ),
        "confirm": boolean,
        "description": short_text(1000),
        "metadata": metadata,
        "allowed_payment_method_types": items(choice("card")),
        "payment_method_types": params.no_longer_supported,
        "statement_descriptor": short_text(22),
        "statement_descriptor_suffix": short_text(22),
    }
)
CONFIRMATION = group(SHARED)
CAPTURE = group(
    {"amount_to_capture": integer(1), "final_capture": boolean, "metadata": metadata, "expand": params.EXPAND}
)
CANCELLATION = group(
    {
        "cancellation_reason": choice("duplicate", "fraudulent", "requested_by_customer", "abandoned"),
        "expand": params.EXPAND,
    }
)
CHARGES = group({**params.PAGE, "payment_intent": text})

MAY_CONFIRM = ("requires_payment_method", "requires_confirmation", "requires_action")
MAY_CANCEL = ("requires_payment_method", "requires_capture", "requires_confirmation", "requires_action", "processing")


def create(call: Call) -> Object | ApiError:
    values, limit = call.values, minimum(call.values["currency"])
    if values["amount"] < limit:
        raise ApiError(
            f"Amount must be at least {format_amount(limit, values['currency'])}",
            code="amount_too_small",
            param="amount",
        )
    if "payment_method" in values:
        _card(call, values["payment_method"])
    intent = actions.create_intent(call.tx, values)
    if values.get("confirm"):
        return _confirm(call, intent)
    return objects.public(intent)


def confirm(call: Call) -> Object | ApiError:
    intent = call.find("payment_intent")
    _require(intent, MAY_CONFIRM, "confirm", "confirmed")
    if call.values.get("capture_method"):
        intent["capture_method"] = call.values["capture_method"]
    return _confirm(call, intent)


def _confirm(call: Call, intent: Object) -> Object | ApiError:
    token = call.values.get("payment_method") or intent["payment_method"]
    if not token:
        raise ApiError(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code="payment_intent_unexpected_state",
        )
    typed, email = _card(call, token), intent["receipt_email"] or ""
    intent["receipt_email"] = call.values.get("receipt_email", intent["receipt_email"])
    intent = actions.attempt(
        call.tx,
        intent,
        typed,
        email=email,
        return_url=call.values.get("return_url"),
        step_url=f"{call.public_url}/pi/{intent['id']}/authenticate",
    )
    error = intent["last_payment_error"]
    if error:
        return ApiError(
            error["message"],
            status=402,
            type="card_error",
            code=error["code"],
            decline_code=error.get("decline_code"),
            charge=error.get("charge"),
            payment_intent=objects.public(intent),
            payment_method=error["payment_method"],
        )
    return objects.public(intent)


def _card(call: Call, token: str) -> TypedCard:
    typed = by_token(token, today=datetime.fromtimestamp(call.tx.now, UTC).date())
    kept = call.tx.get(token)
    if typed is None and kept and kept["object"] == "payment_method":
        typed = by_token(kept["_number"], today=datetime.fromtimestamp(call.tx.now, UTC).date())
    if typed is None:
        raise ApiError(f"No such PaymentMethod: '{token}'", code="resource_missing", param="payment_method")
    return typed


def capture(call: Call) -> Object:
    """Takes what was authorised, or a part of it, once: the rest is released, which Stripe books as a refund."""
    intent = call.find("payment_intent")
    _require(intent, ("requires_capture",), "capture", "captured")
    if call.values.get("final_capture") is False:
        raise ApiError("This account cannot capture a PaymentIntent several times.", param="final_capture")
    whole: int = intent["amount_capturable"]
    amount: int = call.values.get("amount_to_capture", whole)
    if amount > whole:
        raise ApiError(
            "The provided amount_to_capture is greater than the amount_capturable on this PaymentIntent.",
            code="amount_too_large",
            param="amount_to_capture",
        )
    intent["metadata"] |= call.values.get("metadata", {})
    return objects.public(actions.capture(call.tx, intent, amount))


def cancel(call: Call) -> Object:
    intent = call.find("payment_intent")
    _require(intent, MAY_CANCEL, "cancel", "canceled")
    if intent["_session"] and intent["status"] != "requires_capture":
        raise ApiError(
            "You cannot cancel this PaymentIntent because it belongs to an open Checkout Session. Expire the session.",
            code="payment_intent_unexpected_state",
        )
    return objects.public(actions.cancel(call.tx, intent, reason=call.values.get("cancellation_reason")))


def list_(call: Call) -> Object:
    return call.page(call.store.ids["payment_intent"], "/v1/payment_intents")


def list_charges(call: Call) -> Object:
    idents = call.store.ids["charge"]
    return call.page(idents, "/v1/charges", lambda charge: call.matches(charge, "payment_intent"))


def _require(intent: Object, statuses: Iterable[str], verb: str, done: str) -> None:
    if intent["status"] not in statuses:
        raise ApiError(
            f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}. Only a PaymentIntent "
            f"with one of the following statuses may be {done}: {', '.join(statuses)}.",
            code="payment_intent_unexpected_state",
            payment_intent=objects.public(intent),
        )


ROUTES: tuple[Route, ...] = (
    ("POST", "/v1/payment_intents", create, INTENT),
    ("GET", "/v1/payment_intents", list_, group(params.PAGE)),
    ("GET", f"/v1/payment_intents/{IDENT}", reader("payment_intent"), params.ONE),
    ("POST", f"/v1/payment_intents/{IDENT}/confirm", confirm, CONFIRMATION),
    ("POST", f"/v1/payment_intents/{IDENT}/capture", capture, CAPTURE),
    ("POST", f"/v1/payment_intents/{IDENT}/cancel", cancel, CANCELLATION),
    ("GET", f"/v1/payment_methods/{IDENT}", reader("payment_method"), params.ONE),
    ("GET", "/v1/charges", list_charges, CHARGES),
    ("GET", f"/v1/charges/{IDENT}", reader("charge"), params.ONE),
    ("GET", f"/v1/balance_transactions/{IDENT}", reader("balance_transaction"), params.ONE),
)
