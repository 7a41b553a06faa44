"""Disputes: read, answered with evidence, or accepted."""

from sandbox import disputes, objects, params
from sandbox.calls import IDENT, Call, Route, reader
from sandbox.errors import ApiError
from sandbox.params import boolean, group, metadata, text
from sandbox.store import Object

UPDATE = group(
    {
        "evidence": group(dict.fromkeys(disputes.EVIDENCE, text)),
        "metadata": metadata,
        "submit": boolean,
        "expand": params.EXPAND,
    }
)
DISPUTES = group({**params.PAGE, "payment_intent": text, "charge": text})


def update(call: Call) -> Object:
    """Takes evidence. As in Stripe's test mode `winning_evidence` wins at once and `losing_evidence` loses."""
    dispute, values = _open(call), call.values
    dispute["metadata"] |= values.get("metadata", {})
    return objects.public(
        disputes.answer(call.tx, dispute, values.get("evidence", {}), submit=values.get("submit", True))
    )


def close(call: Call) -> Object:
    """Accepts the dispute, which loses it."""
    return objects.public(disputes.close(call.tx, _open(call), won=False))


def _open(call: Call) -> Object:
    dispute = call.find("dispute")
    if dispute["status"] in disputes.CLOSED:
        raise ApiError("This dispute is already closed.")
    return dispute


def list_(call: Call) -> Object:
    idents = call.store.ids["dispute"]
    return call.page(idents, "/v1/disputes", lambda dispute: call.matches(dispute, "charge", "payment_intent"))


ROUTES: tuple[Route, ...] = (
    ("GET", "/v1/disputes", list_, DISPUTES),
    ("GET", f"/v1/disputes/{IDENT}", reader("dispute"), params.ONE),
    ("POST", f"/v1/disputes/{IDENT}", update, UPDATE),
    ("POST", f"/v1/disputes/{IDENT}/close", close, params.ONE),
)
