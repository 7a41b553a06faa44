"""The JSON endpoints under /v1: who may ask, what may be asked, and the answer."""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox import actions, objects, params
from sandbox.errors import ApiError, no_such
from sandbox.money import MAXIMUM, format_amount, minimum
from sandbox.params import Check, Required, choice, group, integer, items, metadata, short_text, text
from sandbox.store import Object, Store, Transaction

EXPANDABLE = {
    "balance_transaction", "charge", "data", "latest_charge", "line_items", "payment_intent", "source",
}  # fmt: skip

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
                "description": short_text(1000),
                "metadata": metadata,
                "receipt_email": params.email,
                "statement_descriptor": short_text(22),
                "statement_descriptor_suffix": short_text(22),
            }
        ),
        "payment_method_types": items(choice("card")),
        "submit_type": choice("auto", "pay"),
        "ui_mode": choice("hosted_page"),
        "expand": params.EXPAND,
    }
)
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
ONE = group({"expand": params.EXPAND})
SESSIONS = group(
    {**params.PAGE, "payment_intent": text, "status": choice("open", "complete", "expired")},
)
REFUNDS = group({**params.PAGE, "payment_intent": text, "charge": text})
EVENTS = group({**params.PAGE, "type": text, "types": items(text, at_most=20)})


@dataclass(frozen=True)
class Request:
    """An API call: `form` is the query of a GET and the body of a POST, still encoded; header names are lower case."""

    method: str
    path: str
    form: str
    headers: Mapping[str, str]
    now: float
    id: str = field(default_factory=lambda: objects.new_id("req", 14))


@dataclass(frozen=True)
class Answer:
    status: int
    body: Object
    headers: dict[str, str]


Endpoint = Callable[["Api", Transaction, str, dict[str, Any]], Object]


class Api:
    def __init__(self, store: Store, *, public_url: str) -> None:
        self.store = store
        self.public_url = public_url

    def answer(self, request: Request) -> Answer:
        """Stripe's answer to the request; its errors too. Raises nothing that Stripe would tell the caller."""
        headers = {"Request-Id": request.id, "Stripe-Version": objects.API_VERSION}
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        try:
            _authenticate(request)
            endpoint, shape, ident = _route(request)
            if key:
                body, replayed = self._run_once(request, endpoint, shape, ident, key)
                headers |= {"Idempotency-Key": key} | ({"Idempotent-Replayed": "true"} if replayed else {})
            else:
                body = self._run(request, endpoint, shape, ident, None)
        except ApiError as error:
            return Answer(error.status, error.body(), headers)
        return Answer(200, body, headers)

    def _run_once(
        self, request: Request, endpoint: Endpoint, shape: Check, ident: str, key: str
    ) -> tuple[Object, bool]:
        """The body and whether it is a replay. As at Stripe a request refused for its parameters is not kept."""
        if not re.fullmatch(r"[ -~]{1,255}", key):
            raise ApiError("Idempotency keys are 1 to 255 ASCII characters.")
        with self.store.claim(key) as free:
            if not free:
                raise ApiError(
                    f"There is currently another in-progress request using this Idempotent Key: {key}",
                    status=409,
                    code="idempotency_key_in_use",
                )
            stored = self.store.answer(key)
            if stored is None:
                return self._run(request, endpoint, shape, ident, key), False
        if stored["fingerprint"] != _fingerprint(request):
            raise ApiError(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request.",
                type="idempotency_error",
            )
        return stored["body"], True

    def _run(self, request: Request, endpoint: Endpoint, shape: Check, ident: str, key: str | None) -> Object:
        values = params.read(params.parse(request.form), shape)
        with self.store.transaction(now=request.now, request={"id": request.id, "idempotency_key": key}) as tx:
            body = endpoint(self, tx, ident, values)
            for path in values.get("expand", ()):
                _expand(tx, body, path.split("."), path)
            if key:
                tx.remember(key, fingerprint=_fingerprint(request), body=body)
        return body

    def create_session(self, tx: Transaction, ident: str, values: dict[str, Any]) -> Object:
        _check_session(values, now=tx.now)
        return objects.public(tx.put(objects.session(values, public_url=self.public_url, now=tx.now)))

    def expire_session(self, tx: Transaction, ident: str, values: dict[str, Any]) -> Object:
        session = _find(tx, ident, "checkout.session")
        if session["status"] != "open":
            raise ApiError(
                'Only Checkout Sessions with a status in ["open"] can be expired. '
                f"This Checkout Session has a status of `{session['status']}`."
            )
        return objects.public(actions.expire(tx, session))

    def list_sessions(self, tx: Transaction, ident: str, values: dict[str, Any]) -> Object:
        idents = self.store.ids["checkout.session"]
        if "payment_intent" in values:
            intent = tx.get(values["payment_intent"])
            idents = [intent["_session"]] if intent and intent["object"] == "payment_intent" else []
        return _page(tx, idents, values, "/v1/checkout/sessions", lambda session: _is(session, values, "status"))

    def create_refund(self, tx: Transaction, ident: str, values: dict[str, Any]) -> Object:
        return objects.public(actions.refund(tx, _charge_to_refund(tx, values), values))

    def list_refunds(self, tx: Transaction, ident: str, values: dict[str, Any]) -> Object:
        idents = self.store.ids["refund"]
        if "charge" in values:
            charge = tx.get(values["charge"]) or {}
            values.setdefault("payment_intent", charge.get("payment_intent", ""))
        if "payment_intent" in values:
            intent = tx.get(values["payment_intent"]) or {}
            idents = intent.get("_refunds", [])
        return _page(tx, idents, values, "/v1/refunds", lambda refund: _is(refund, values, "charge"))

    def list_events(self, tx: Transaction, ident: str, values: dict[str, Any]) -> Object:
        wanted = set(values.get("types", ())) | ({values["type"]} if "type" in values else set())
        page = _page(
            tx, self.store.ids["event"], values, "/v1/events", lambda event: not wanted or event["type"] in wanted
        )
        page["data"] = [self._with_pending(event) for event in page["data"]]
        return page

    def get_event(self, tx: Transaction, ident: str, values: dict[str, Any]) -> Object:
        return self._with_pending(_find(tx, ident, "event"))

    def _with_pending(self, event: Object) -> Object:
        return event | {"pending_webhooks": int(event["id"] in self.store.owed)}


def _reader(kind: str) -> Endpoint:
    return lambda api, tx, ident, values: objects.public(_find(tx, ident, kind))


IDENT = "([A-Za-z0-9_]+)"
ROUTES: tuple[tuple[str, str, Endpoint, Check], ...] = (
    ("POST", "/v1/checkout/sessions", Api.create_session, SESSION),
    ("GET", "/v1/checkout/sessions", Api.list_sessions, SESSIONS),
    ("GET", f"/v1/checkout/sessions/{IDENT}", _reader("checkout.session"), ONE),
    ("POST", f"/v1/checkout/sessions/{IDENT}/expire", Api.expire_session, ONE),
    ("GET", f"/v1/payment_intents/{IDENT}", _reader("payment_intent"), ONE),
    ("GET", f"/v1/charges/{IDENT}", _reader("charge"), ONE),
    ("GET", f"/v1/balance_transactions/{IDENT}", _reader("balance_transaction"), ONE),
    ("POST", "/v1/refunds", Api.create_refund, REFUND),
    ("GET", "/v1/refunds", Api.list_refunds, REFUNDS),
    ("GET", f"/v1/refunds/{IDENT}", _reader("refund"), ONE),
    ("GET", "/v1/events", Api.list_events, EVENTS),
    ("GET", f"/v1/events/{IDENT}", Api.get_event, ONE),
)


def _authenticate(request: Request) -> None:
    key = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
    if not key:
        raise ApiError("You did not provide an API key. Send it as 'Authorization: Bearer YOUR_KEY'.", status=401)
    if not re.fullmatch(r"sk_test_\w+", key):
        raise ApiError(f"Invalid API Key provided: {key[:8]}****", status=401)
    version = request.headers.get("stripe-version", objects.API_VERSION)
    if version != objects.API_VERSION:
        # An SDK that moved on expects other shapes than these: better a clear refusal than a subtly wrong test.
        raise ApiError(f"This sandbox speaks API version {objects.API_VERSION}, not {version}.")


def _route(request: Request) -> tuple[Endpoint, Check, str]:
    for method, pattern, endpoint, shape in ROUTES:
        match = re.fullmatch(pattern, request.path)
        if match and method == request.method:
            return endpoint, shape, match[1] if match.groups() else ""
    raise ApiError(f"Unrecognized request URL ({request.method}: {request.path}).", status=404)


def _fingerprint(request: Request) -> str:
    pairs = "&".join(sorted(request.form.split("&")))
    return hashlib.sha256(f"{request.method} {request.path}\n{pairs}".encode()).hexdigest()


NOUNS = {"checkout.session": ("checkout session", "session"), "payment_intent": ("payment_intent", "intent")}


def _find(tx: Transaction, ident: str, kind: str, *, param: str | None = None) -> Object:
    noun, own_param = NOUNS.get(kind, (kind, kind))
    found = tx.get(ident)
    if found is None or found["object"] != kind:
        raise no_such(noun, ident, param or own_param)
    return found


def _check_session(values: dict[str, Any], *, now: int) -> None:
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


def _charge_to_refund(tx: Transaction, values: dict[str, Any]) -> Object:
    if ("charge" in values) == ("payment_intent" in values):
        raise ApiError(
            "One of the following params should be provided for this request: payment_intent or charge.",
            code="parameter_missing",
        )
    if "charge" in values:
        charge = _find(tx, values["charge"], "charge", param="charge")
    else:
        intent = _find(tx, values["payment_intent"], "payment_intent", param="payment_intent")
        if intent["status"] != "succeeded":
            raise ApiError(f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.")
        charge = _find(tx, intent["latest_charge"], "charge")
    if not charge["paid"]:
        raise ApiError(f"Charge {charge['id']} failed and cannot be refunded.", param="charge")
    return charge


def _is(obj: Object, values: dict[str, Any], name: str) -> bool:
    return name not in values or obj[name] == values[name]


def _page(
    tx: Transaction, idents: list[str], values: dict[str, Any], url: str, accept: Callable[[Object], bool]
) -> Object:
    """Newest first, at most `limit`; `starting_after` and `ending_before` are ids of the pages next to this one."""
    limit, backwards = values.get("limit", 10), "ending_before" in values
    ordered = idents if backwards else idents[::-1]
    cursor = values.get("ending_before") or values.get("starting_after")
    if cursor is not None:
        if cursor not in ordered:
            raise no_such("object", cursor, "ending_before" if backwards else "starting_after")
        ordered = ordered[ordered.index(cursor) + 1 :]
    found: list[Object] = []
    for ident in ordered:
        obj = tx.get(ident)
        if obj and accept(obj) and _in_range(obj["created"], values.get("created", {})):
            found.append(objects.public(obj))
        if len(found) > limit:
            break
    page = found[:limit]
    return objects.listing(page[::-1] if backwards else page, url, has_more=len(found) > limit)


def _in_range(created: int, bounds: dict[str, int]) -> bool:
    return (
        created > bounds.get("gt", -1)
        and created >= bounds.get("gte", 0)
        and ("lt" not in bounds or created < bounds["lt"])
        and ("lte" not in bounds or created <= bounds["lte"])
    )


def _expand(tx: Transaction, node: Any, fields: list[str], path: str) -> None:
    """Replace the id at the end of the path by its object, in place."""
    if isinstance(node, list):
        for entry in node:
            _expand(tx, entry, fields, path)
        return
    name, *rest = fields
    if name == "line_items" and node.get("object") == "checkout.session":
        session = _find(tx, node["id"], "checkout.session")
        lines = [objects.public(line) for line in session["_lines"]]
        node[name] = objects.listing(lines, f"/v1/checkout/sessions/{node['id']}/line_items")
    elif name not in EXPANDABLE or name not in node:
        raise ApiError(f"This property cannot be expanded ({path}).", param="expand")
    elif isinstance(node[name], str):
        target = tx.get(node[name])
        node[name] = objects.public(target) if target else node[name]
    if rest and node[name] is not None:
        _expand(tx, node[name], rest, path)
