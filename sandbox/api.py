"""The JSON endpoints under /v1: who may ask, what may be asked, the answer, and its repetition by key."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox import objects, params
from sandbox.calls import Call, Endpoint
from sandbox.endpoints import ROUTES, sessions
from sandbox.errors import ApiError
from sandbox.params import Check
from sandbox.store import Object, Store, Transaction

EXPANDABLE = {
    "balance_transaction", "charge", "data", "failure_balance_transaction", "latest_charge", "line_items",
    "payment_intent", "payment_method", "source",
}  # fmt: skip


@dataclass(frozen=True)
class Request:
    """An API call: `form` is the query of a GET and the body of a POST, still encoded; header names are lower case.

    `breaks`: Stripe does what is asked and then fails to say so, with a 500.
    """

    method: str
    path: str
    form: str
    headers: Mapping[str, str]
    now: float
    breaks: bool = False
    id: str = field(default_factory=lambda: objects.new_id("req", 14))


@dataclass(frozen=True)
class Answer:
    status: int
    body: Object
    headers: dict[str, str]


@dataclass(frozen=True)
class Target:
    endpoint: Endpoint
    shape: Check
    ident: str


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
            target = _route(request)
            if key:
                status, body, replayed = self._run_once(request, target, key)
                headers |= {"Idempotency-Key": key} | ({"Idempotent-Replayed": "true"} if replayed else {})
            else:
                status, body = self._run(request, target, None)
        except ApiError as error:
            return Answer(error.status, error.body(), headers)
        return Answer(status, body, headers)

    def _run_once(self, request: Request, target: Target, key: str) -> tuple[int, Object, bool]:
        """Status and body, and whether they are a replay. As at Stripe a request refused for its parameters is not
        kept, but what was carried out is: a declined card and a 500 are the answer to this key from then on."""
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
                return *self._run(request, target, key), False
        if stored["fingerprint"] != _fingerprint(request):
            raise ApiError(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request.",
                type="idempotency_error",
            )
        return stored.get("status", 200), stored["body"], True

    def _run(self, request: Request, target: Target, key: str | None) -> tuple[int, Object]:
        values = params.read(params.parse(request.form), target.shape)
        with self.store.transaction(now=request.now, request={"id": request.id, "idempotency_key": key}) as tx:
            result = target.endpoint(Call(tx, self.store, self.public_url, target.ident, values))
            if isinstance(result, ApiError):
                status, body = result.status, result.body()
            else:
                status, body = 200, result
                for path in values.get("expand", ()):
                    _expand(tx, body, path.split("."), path)
            if request.breaks:
                status, body = 500, BROKEN
            if key:
                tx.remember(key, fingerprint=_fingerprint(request), status=status, body=body)
        return status, body


BROKEN: Object = {"error": {"type": "api_error", "message": "An unknown error occurred (a fault of the sandbox)."}}


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


def _route(request: Request) -> Target:
    for method, pattern, endpoint, shape in ROUTES:
        match = re.fullmatch(pattern, request.path)
        if match and method == request.method:
            return Target(endpoint, shape, match[1] if match.groups() else "")
    raise ApiError(f"Unrecognized request URL ({request.method}: {request.path}).", status=404)


def _fingerprint(request: Request) -> str:
    pairs = "&".join(sorted(request.form.split("&")))
    return hashlib.sha256(f"{request.method} {request.path}\n{pairs}".encode()).hexdigest()


def _expand(tx: Transaction, node: Any, fields: list[str], path: str) -> None:
    """Replace the id at the end of the path by its object, in place."""
    if isinstance(node, list):
        for entry in node:
            _expand(tx, entry, fields, path)
        return
    name, *rest = fields
    if name == "line_items" and node.get("object") == "checkout.session":
        session = tx.get(node["id"])
        assert session is not None
        node[name] = sessions.lines_of(session)
    elif name not in EXPANDABLE or name not in node:
        raise ApiError(f"This property cannot be expanded ({path}).", param="expand")
    elif isinstance(node[name], str):
        target = tx.get(node[name])
        node[name] = objects.public(target) if target else node[name]
    if rest and node[name] is not None:
        _expand(tx, node[name], rest, path)
