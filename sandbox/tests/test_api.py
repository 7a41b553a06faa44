"""The API as the official SDK meets it: shapes, refusals, refunds, expiry, idempotency, paging."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from sandbox.actions import expire_due
from sandbox.api import Api, Request
from sandbox.calls import Call
from sandbox.endpoints import sessions as session_endpoints
from sandbox.store import Store
from sandbox.tests.conftest import create_session, eventually


@pytest.fixture
def paid(sandbox, new_session):
    session = new_session()
    sandbox.pay(session, "4242424242424242")
    return sandbox.client().v1.checkout.sessions.retrieve(session.id)


@pytest.fixture
def store(tmp_path):
    opened = Store(tmp_path)
    yield opened
    opened.close()


# Fields that Stripe sends only in special cases, or only when they are expanded.
SOMETIMES = {
    stripe.checkout.Session: {
        "allowed_payment_method_types", "excluded_payment_method_types", "line_items", "optional_items",
    },
    stripe.PaymentIntent: {"allowed_payment_method_types"},
    stripe.Charge: {"refunds", "transfer"},
    stripe.Refund: {
        "customer_account", "failure_balance_transaction", "failure_reason", "instructions_email", "next_action",
        "pending_reason", "presentment_details",
    },
    stripe.Event: set(),
    stripe.BalanceTransaction: set(),
}  # fmt: skip


def test_objects_have_every_field_of_the_sdk(sandbox, paid):
    client = sandbox.client()
    refund = client.v1.refunds.create({"payment_intent": paid.payment_intent, "amount": 100})
    intent = client.v1.payment_intents.retrieve(paid.payment_intent, {"expand": ["latest_charge.balance_transaction"]})
    event = client.v1.events.retrieve(client.v1.events.list({"limit": 1}).data[0].id)
    charge = client.v1.charges.retrieve(intent.latest_charge.id)
    for obj in (paid, intent, charge, refund, event, intent.latest_charge.balance_transaction):
        expected = {name for name in type(obj).__annotations__ if name != "OBJECT_NAME"} - SOMETIMES[type(obj)]
        assert expected - set(obj.to_dict()) == set(), type(obj)
        assert not [name for name in obj.to_dict() if name.startswith("_")]
    assert event.api_version == stripe.api_version


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"payment_intent_data": {"colour": "red"}}, "parameter_unknown", "payment_intent_data[colour]"),
        ({"mode": "subscription"}, None, "mode"),
        ({"payment_method_types": ["card"]}, "payment_method_types_no_longer_supported", "payment_method_types"),
        ({"success_url": "thanks"}, "url_invalid", "success_url"),
        ({"success_url": "http://shop.test/\r\nSet-Cookie: a=b"}, "url_invalid", "success_url"),
        ({"customer_email": "ann"}, "email_invalid", "customer_email"),
        ({"client_reference_id": ""}, "parameter_invalid_empty", "client_reference_id"),
        ({"metadata": {"long": "x" * 501}}, None, "metadata[long]"),
        ({"expires_at": int(time.time()) + 60}, None, "expires_at"),
        ({"expires_at": int(time.time()) + 25 * 3600}, None, "expires_at"),
        ({"line_items": [{"quantity": 1}]}, "parameter_missing", "line_items[0][price_data]"),
    ],
)
def test_bad_parameters_are_refused(new_session, change, code, param):
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        new_session(**change)
    assert (refusal.value.http_status, refusal.value.code, refusal.value.param) == (400, code, param)
    assert str(refusal.value.request_id).startswith("req_")


@pytest.mark.parametrize(
    ("unit_amount", "quantity", "code"),
    [
        (49, 1, "amount_too_small"),
        (-1, 1, "parameter_invalid_integer"),
        (50, 0, "parameter_invalid_integer"),
        ("9.99", 1, "parameter_invalid_integer"),
        (99_999_999, 2, "amount_too_large"),
    ],
)
def test_bad_amounts_are_refused(new_session, unit_amount, quantity, code):
    price = {"currency": "usd", "unit_amount": unit_amount, "product_data": {"name": "Lamp"}}
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        new_session(line_items=[{"price_data": price, "quantity": quantity}])
    assert refusal.value.code == code


def test_keys_versions_and_addresses(sandbox, paid):
    for key in ("sk_live_real", "pk_test_public", "nonsense"):
        with pytest.raises(stripe.AuthenticationError):
            sandbox.client(key).v1.events.list()
    client = sandbox.client()
    for missing in (client.v1.payment_intents, client.v1.charges, client.v1.refunds, client.v1.checkout.sessions):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            missing.retrieve("xx_missing")
        assert (refusal.value.http_status, refusal.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.payment_intents.retrieve(paid.id)
    assert refusal.value.http_status == 404
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        client.v1.checkout.sessions.retrieve(paid.id, {"expand": ["metadata"]})
    with pytest.raises(stripe.InvalidRequestError, match="API version"):
        client.v1.events.list({}, {"stripe_version": "2017-08-15"})
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
        client.v1.customers.list()


def test_refunds_never_exceed_the_charge(sandbox, receiver, paid):
    refunds = sandbox.client().v1.refunds
    first = refunds.create({"payment_intent": paid.payment_intent, "amount": 1000, "metadata": {"line": "1"}})
    assert (first.status, first.amount, first.currency, first.metadata["line"]) == ("succeeded", 1000, "eur", "1")
    with pytest.raises(stripe.InvalidRequestError, match=r"€15.01.*greater than unrefunded.*€15.00") as refusal:
        refunds.create({"payment_intent": paid.payment_intent, "amount": 1501})
    assert refusal.value.param == "amount"
    rest = refunds.create({"charge": first.charge})
    assert rest.amount == 1500
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        refunds.create({"payment_intent": paid.payment_intent})
    assert refusal.value.code == "charge_already_refunded"

    charge = sandbox.client().v1.charges.retrieve(first.charge)
    assert (charge.amount_refunded, charge.refunded) == (2500, True)
    for by in ({"payment_intent": paid.payment_intent}, {"charge": first.charge}):
        assert [one.id for one in refunds.list(by).data] == [rest.id, first.id]
    assert refunds.retrieve(first.id, {"expand": ["charge"]}).charge.id == charge.id
    eventually(lambda: "refund.updated" in receiver.types(rest.id))
    assert sorted(receiver.types(first.id)) == ["refund.created", "refund.updated"]
    returned = [event for event in receiver.events() if event.type == "charge.refunded"]
    seen = [event.data.object["amount_refunded"] for event in returned if event.data.object["id"] == charge.id]
    assert sorted(seen) == [1000, 2500]


def test_expire(sandbox, receiver, new_session, paid):
    sessions = sandbox.client().v1.checkout.sessions
    session = new_session()
    sandbox.pay(session, "4000000000000002")
    expired = sessions.expire(session.id)
    assert (expired.status, expired.payment_status, expired.url) == ("expired", "unpaid", None)
    intent = sandbox.client().v1.payment_intents.retrieve(expired.payment_intent)
    assert (intent.status, intent.cancellation_reason) == ("canceled", "expired")
    eventually(lambda: "checkout.session.expired" in receiver.types(session.id))
    for closed, status in ((session, "expired"), (paid, "complete")):
        with pytest.raises(stripe.InvalidRequestError, match=f"has a status of `{status}`"):
            sessions.expire(closed.id)


def test_sessions_expire_by_themselves(store):
    """In this process, for the clock: half an hour is the shortest that Stripe allows."""
    opened = 1_800_000_000
    line = {"price_data": {"currency": "eur", "unit_amount": 100, "product_data": {"name": "Lamp"}}, "quantity": 1}
    values = {"line_items": [line], "success_url": "http://shop.test/", "expires_at": opened + 1800}
    with store.transaction(now=opened) as tx:
        session = session_endpoints.create(Call(tx, store, "http://sandbox.test", "", values))
    assert expire_due(store, now=opened + 1799) == 0
    assert expire_due(store, now=opened + 1800) == 1
    assert expire_due(store, now=opened + 1801) == 0
    with store.transaction(now=opened + 1802) as tx:
        assert tx.get(session["id"])["status"] == "expired"
        assert [tx.get(event)["type"] for event in store.owed] == ["checkout.session.expired"]


def test_idempotency_key_replays_the_answer(sandbox, new_session, paid):
    client = sandbox.client()
    key = f"once-{paid.id}"
    first = create_session(client, {"idempotency_key": key})
    again = create_session(client, {"idempotency_key": key})
    assert again.id == first.id
    before, after = first.last_response, again.last_response
    assert before is not None and after is not None
    assert "Idempotent-Replayed" not in before.headers
    assert after.headers["Idempotent-Replayed"] == "true"
    assert before.request_id != after.request_id
    with pytest.raises(stripe.IdempotencyError):
        create_session(client, {"idempotency_key": key}, client_reference_id="other")
    with pytest.raises(stripe.IdempotencyError):
        client.v1.refunds.create({"payment_intent": paid.payment_intent}, {"idempotency_key": key})
    refused = f"refused-{paid.id}"
    with pytest.raises(stripe.InvalidRequestError):
        create_session(client, {"idempotency_key": refused}, customer_email="ann")
    assert create_session(client, {"idempotency_key": refused}).status == "open"


def test_same_key_at_once_makes_one_refund(sandbox, paid):
    def refund(_):
        params = {"payment_intent": paid.payment_intent, "amount": 10}
        return sandbox.client(retries=2).v1.refunds.create(params, {"idempotency_key": f"race-{paid.id}"}).id

    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(refund, range(8)))
    assert len(made) == 1
    assert sandbox.client().v1.charges.retrieve(
        sandbox.client().v1.payment_intents.retrieve(paid.payment_intent).latest_charge
    ).amount_refunded == 10  # fmt: skip


def test_key_in_use_is_409(store):
    api = Api(store, public_url="http://sandbox.test")
    headers = {"authorization": "Bearer sk_test_a", "idempotency-key": "key"}
    request = Request("POST", "/v1/refunds", "charge=ch_missing", headers, now=1_800_000_000)
    with store.claim("key"):
        answer = api.answer(request)
    assert (answer.status, answer.body["error"]["code"]) == (409, "idempotency_key_in_use")
    assert api.answer(request).status == 404


def test_lists_are_paged_newest_first(sandbox, new_session):
    made = [new_session().id for _ in range(3)]
    sessions = sandbox.client().v1.checkout.sessions
    page = sessions.list({"limit": 2, "status": "open"})
    assert ([one.id for one in page.data], page.has_more) == ([made[2], made[1]], True)
    assert sessions.list({"limit": 1, "starting_after": made[1]}).data[0].id == made[0]
    assert sessions.list({"limit": 1, "ending_before": made[1]}).data[0].id == made[2]
    listed = [one.id for one in sessions.list({"limit": 2}).auto_paging_iter()]
    assert listed[:3] == made[::-1] and len(set(listed)) == len(listed)
    assert sessions.list({"created": {"lt": 1000}}).data == []
    newest = sandbox.client().v1.events.list({"types": ["charge.succeeded", "charge.failed"], "limit": 5}).data
    assert {event.type for event in newest} <= {"charge.succeeded", "charge.failed"}
