"""The checker of contracts itself: what is right passes, and each planted mistake is found."""

import copy
from datetime import date
from typing import Any

import pytest
import stripe

from sandbox import objects
from sandbox.cards import by_token
from sandbox.params import parse
from tests.provider import sdk

SESSION = {
    "mode": "payment",
    "success_url": "https://shop.test/",
    "allowed_payment_method_types[0]": "card",
    "line_items[0][quantity]": "2",
    "line_items[0][price_data][currency]": "eur",
    "line_items[0][price_data][unit_amount]": "1250",
    "line_items[0][price_data][product_data][name]": "Bowl",
    "payment_intent_data[capture_method]": "manual",
    "metadata[order]": "order_1",
    "expires_at": "1900000000",
    "expand[0]": "payment_intent",
}
CREATE = ("POST", "/v1/checkout/sessions")


def tree(**changes: str | None) -> dict[str, Any]:
    fields = {name: value for name, value in (SESSION | changes).items() if value is not None}
    return parse("&".join(f"{name}={value}" for name, value in fields.items()))


def test_right_request_passes() -> None:
    assert sdk.problems_of_request(*CREATE, tree()) == []
    assert sdk.problems_of_request("GET", "/v1/events", parse("created[gte]=5&limit=9&delivery_success=false")) == []
    assert sdk.problems_of_request("GET", "/v1/events", parse("created=5&types[0]=charge.failed")) == []


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ({"colour": "red"}, "[colour]: unknown"),
        ({"idempotency_key": "k"}, "[idempotency_key]: unknown"),
        ({"payment_method_types[0]": "card"}, "[payment_method_types]: unknown"),  # removed in 2026-09-30
        ({"mode": "gift"}, "[mode]: 'gift'"),
        ({"expires_at": "soon"}, "[expires_at]: 'soon'"),
        ({"metadata[order][id]": "1", "metadata[order]": None}, "[metadata]"),
        (
            {"allowed_payment_method_types[0]": None, "allowed_payment_method_types": "card"},
            "[allowed_payment_method_types]: is no list",
        ),
        (
            {"allowed_payment_method_types[0]": None, "allowed_payment_method_types[3]": "card"},
            "[allowed_payment_method_types]: is no list",
        ),
        ({"payment_intent_data[capture_method]": "later"}, "[payment_intent_data][capture_method]"),
        ({"line_items[0][quantity]": "2.5"}, "[line_items][0][quantity]: '2.5'"),
        ({"line_items[0][price_data][currency]": None}, "[line_items][0][price_data][currency]: missing"),
        ({"line_items[0][price_data][product_data][colour]": "x"}, "[product_data][colour]: unknown"),
        ({"adaptive_pricing[enabled]": "yes"}, "[adaptive_pricing][enabled]: 'yes'"),
    ],
)
def test_planted_mistake_in_a_request_is_found(planted: dict[str, str | None], found: str) -> None:
    problems = sdk.problems_of_request(*CREATE, tree(**planted))
    assert any(found in problem for problem in problems), problems


def test_missing_required_parameter_and_unknown_call_are_found() -> None:
    assert any(
        "[amount]: missing" in each
        for each in sdk.problems_of_request("POST", "/v1/payment_intents", {"currency": "eur"})
    )
    assert sdk.problems_of_request("POST", "/v1/customers", {}) == ["POST /v1/customers is in no contract"]


@pytest.fixture
def intent() -> dict[str, Any]:
    return objects.public(objects.payment_intent({}, amount=500, currency="eur", session_id=None, now=1_800_000_000))


@pytest.fixture
def charge(intent: dict[str, Any]) -> dict[str, Any]:
    typed = by_token("pm_card_visa", today=date(2030, 1, 1))
    assert typed
    return objects.public(objects.charge(intent | {"payment_method": "pm_1"}, typed, "a@b.example", now=1_800_000_000))


def test_right_answer_passes(intent: dict[str, Any], charge: dict[str, Any]) -> None:
    path = f"/v1/payment_intents/{intent['id']}"
    assert sdk.problems_of_answer("GET", path, intent | {"latest_charge": charge}) == []
    page = {"object": "list", "data": [intent], "has_more": False, "url": "/v1/payment_intents"}
    assert sdk.problems_of_answer("GET", "/v1/payment_intents", page) == []


@pytest.mark.parametrize(
    ("at", "value", "found"),
    [
        (("amount",), None, ".amount: None"),
        (("amount",), "500", ".amount: '500'"),
        (("amount",), ..., ".amount: missing"),
        (("livemode",), 0, ".livemode: 0"),
        (("status",), "paid", ".status: 'paid'"),
        (("colour",), "red", ".colour: unknown"),
        (("metadata",), [], ".metadata: is no hash"),
        (("payment_method_types",), "card", ".payment_method_types: is no list"),
        (("object",), "charge", "the SDK makes a Charge of it"),
        (("latest_charge", "paid"), ..., ".latest_charge.paid: missing"),
        (("latest_charge", "outcome", "type"), ..., ".latest_charge.outcome.type: missing"),
        (("latest_charge", "payment_method_details", "card", "exp_year"), "34", ".card.exp_year: '34'"),
    ],
)
def test_planted_mistake_in_an_answer_is_found(
    intent: dict[str, Any], charge: dict[str, Any], at: tuple[str, ...], value: Any, found: str
) -> None:
    answer = copy.deepcopy(intent | {"latest_charge": charge})
    node = answer
    for step in at[:-1]:
        node = node[step]
    if value is ...:
        del node[at[-1]]
    else:
        node[at[-1]] = value
    problems = sdk.problems_of_answer("GET", f"/v1/payment_intents/{intent['id']}", answer)
    assert any(found in problem for problem in problems), problems


def test_planted_mistake_in_an_event_is_found(charge: dict[str, Any]) -> None:
    event = objects.event(
        "charge.succeeded", charge, previous=None, request={"id": None, "idempotency_key": None}, now=1
    )
    assert sdk.problems_of_event(event) == []
    assert any(".type" in each for each in sdk.problems_of_event(event | {"type": "charge.exploded"}))
    del event["data"]["object"]["currency"]
    assert sdk.problems_of_event(event) == [".data.object.currency: missing"]


def test_calls_are_found_in_the_source(tmp_path: Any) -> None:
    module = tmp_path / "provider.py"
    module.write_text("def f():\n    client().v1.refunds.create({})\n    client().v1.refunds.list({}).data\n")
    assert sdk.calls_in(module) == {"refunds.create", "refunds.list"}


def test_every_contract_is_a_method_of_the_sdk() -> None:
    client = stripe.StripeClient("sk_test_contract")
    for name in sdk.CONTRACTS:
        node: Any = client.v1
        for step in name.split("."):
            node = getattr(node, step)
        assert callable(node)
