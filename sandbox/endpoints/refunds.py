"""Refunds."""

from sandbox import objects, params, refunds
from sandbox.calls import IDENT, Call, Route, reader
from sandbox.errors import ApiError
from sandbox.params import choice, group, integer, metadata, text
from sandbox.store import Object

REFUND = group(
    {
        "payment_intent": text,
        "charge": text,
        "amount": integer(1),
        "reason": choice("duplicate", "fraudulent", "requested_by_customer"),
        "metadata": metadata,
        "expand": params.EXPAND,
    }
)
REFUNDS = group({**params.PAGE, "payment_intent": text, "charge": text})


def create(call: Call) -> Object:
    return objects.public(refunds.refund(call.tx, _charge(call), call.values))


def cancel(call: Call) -> Object:
    """Stripe cancels only what waits for the buyer's bank details, which a card's refund never does."""
    refund = call.find("refund")
    raise ApiError(
        f"Refund {refund['id']} cannot be canceled because its status is {refund['status']}. Only refunds that "
        "require action can be canceled."
    )


def list_(call: Call) -> Object:
    idents, values = call.store.ids["refund"], call.values
    intent_id = values.get("payment_intent") or (call.tx.get(values.get("charge", "")) or {}).get("payment_intent")
    if "charge" in values or "payment_intent" in values:
        idents = (call.tx.get(intent_id or "") or {}).get("_refunds", [])
    return call.page(idents, "/v1/refunds", lambda refund: call.matches(refund, "charge"))


def _charge(call: Call) -> Object:
    values = call.values
    if ("charge" in values) == ("payment_intent" in values):
        raise ApiError(
            "One of the following params should be provided for this request: payment_intent or charge.",
            code="parameter_missing",
        )
    if "charge" in values:
        charge = call.find("charge", values["charge"], param="charge")
    else:
        intent = call.find("payment_intent", values["payment_intent"], param="payment_intent")
        if intent["status"] != "succeeded":
            raise ApiError(f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.")
        charge = call.find("charge", intent["latest_charge"])
    if not charge["paid"]:
        raise ApiError(f"Charge {charge['id']} failed and cannot be refunded.", param="charge")
    return charge


ROUTES: tuple[Route, ...] = (
    ("POST", "/v1/refunds", create, REFUND),
    ("GET", "/v1/refunds", list_, REFUNDS),
    ("GET", f"/v1/refunds/{IDENT}", reader("refund"), params.ONE),
    ("POST", f"/v1/refunds/{IDENT}/cancel", cancel, params.ONE),
)
