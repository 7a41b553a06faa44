"""Checkout Sessions: the hosted page's other side."""

from typing import Any

from sandbox import actions, objects, params
from sandbox.calls import IDENT, Call, Route, reader
from sandbox.errors import ApiError
from sandbox.money import MAXIMUM, format_amount, minimum
from sandbox.params import Required, choice, group, integer, items, metadata, short_text, text
from sandbox.store import Object

LINE = group(
    {
        "price_data": Required(
            group(
                {
                    "currency": Required(params.currency),
                    "unit_amount": Required(integer(0, MAXIMUM)),
                    "tax_behavior": choice("exclusive", "inclusive", "unspecified"),
                    "product_data": Required(
                        group(
                            {
                                "name": Required(short_text(1500)),
                                "description": text,
                                "images": items(params.url, at_most=8),
                                "metadata": metadata,
                                "tax_code": text,
                            }
                        )
                    ),
                }
            )
        ),
        "quantity": Required(integer(1, 999_999)),
    }
)
SESSION = group(
    {
        "mode": Required(choice("payment")),
        "line_items": Required(items(LINE)),
        "success_url": Required(params.url),
        "cancel_url": params.url,
        "client_reference_id": short_text(200),
        "customer_email": params.email,
        "expires_at": integer(0),
        "locale": short_text(20),
        "metadata": metadata,
        "payment_intent_data": group(
            {
                "capture_method": params.CAPTURE_METHOD,
                "description": short_text(1000),
                "metadata": metadata,
                "receipt_email": params.email,
                "statement_descriptor": short_text(22),
                "statement_descriptor_suffix": short_text(22),
            }
        ),
        "allowed_payment_method_types": items(choice("card")),
        "payment_method_types": params.no_longer_supported,
        "submit_type": choice("auto", "pay"),
        "ui_mode": choice("hosted_page"),
        "expand": params.EXPAND,
    }
)
SESSIONS = group({**params.PAGE, "payment_intent": text, "status": choice("open", "complete", "expired")})


def create(call: Call) -> Object:
    _check(call.values, now=call.tx.now)
    return objects.public(call.tx.put(objects.session(call.values, public_url=call.public_url, now=call.tx.now)))


def expire(call: Call) -> Object:
    session = call.find("checkout.session")
    if session["status"] != "open":
        raise ApiError(
            'Only Checkout Sessions with a status in ["open"] can be expired. '
            f"This Checkout Session has a status of `{session['status']}`."
        )
    return objects.public(actions.expire(call.tx, session))


def list_(call: Call) -> Object:
    idents = call.store.ids["checkout.session"]
    if "payment_intent" in call.values:
        intent = call.tx.get(call.values["payment_intent"]) or {}
        idents = [intent["_session"]] if intent.get("_session") else []
    return call.page(idents, "/v1/checkout/sessions", lambda session: call.matches(session, "status"))


def list_lines(call: Call) -> Object:
    return lines_of(call.find("checkout.session"))


def lines_of(session: Object) -> Object:
    lines = [objects.public(line) for line in session["_lines"]]
    return objects.listing(lines, f"/v1/checkout/sessions/{session['id']}/line_items")


def _check(values: dict[str, Any], *, now: int) -> None:
    lines = [line["price_data"] for line in values["line_items"]]
    if not lines:
        raise ApiError("`line_items` must have at least one entry.", code="parameter_missing", param="line_items")
    currency = lines[0]["currency"]
    if any(line["currency"] != currency for line in lines):
        raise ApiError("All line items must have the same currency.", param="line_items")
    total = sum(line["price_data"]["unit_amount"] * line["quantity"] for line in values["line_items"])
    if total < minimum(currency):
        limit = format_amount(minimum(currency), currency)
        raise ApiError(
            f"The Checkout Session's total amount due must add up to at least {limit}", code="amount_too_small"
        )
    if total > MAXIMUM:
        limit = format_amount(MAXIMUM, currency)
        raise ApiError(f"The Checkout Session's total amount must be no more than {limit}", code="amount_too_large")
    expires_at = values.get("expires_at")
    if expires_at is not None and not now + 30 * 60 <= expires_at <= now + 24 * 3600:
        raise ApiError(
            "The `expires_at` timestamp must be at least 30 minutes and less than 24 hours from Checkout Session "
            "creation.",
            param="expires_at",
        )


ROUTES: tuple[Route, ...] = (
    ("POST", "/v1/checkout/sessions", create, SESSION),
    ("GET", "/v1/checkout/sessions", list_, SESSIONS),
    ("GET", f"/v1/checkout/sessions/{IDENT}", reader("checkout.session"), params.ONE),
    ("GET", f"/v1/checkout/sessions/{IDENT}/line_items", list_lines, group(params.PAGE)),
    ("POST", f"/v1/checkout/sessions/{IDENT}/expire", expire, params.ONE),
)
