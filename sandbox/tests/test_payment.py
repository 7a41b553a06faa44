"""A shopper on the hosted page: every card, 3-D Secure, mistakes, double submits; and what the API says afterwards."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from sandbox.cards import TEST_CARDS
from sandbox.tests.conftest import eventually


def intent_of(sandbox, session, *expand):
    """The session's intent, read again through the session, as the shop does."""
    params = {"expand": ["payment_intent", *expand]}
    return sandbox.client().v1.checkout.sessions.retrieve(session.id, params).payment_intent


def test_approved_card_pays(sandbox, receiver, new_session):
    session = new_session(
        client_reference_id="order-1", metadata={"order": "1"}, payment_intent_data={"metadata": {"order": "1"}}
    )
    assert (session.status, session.payment_status, session.amount_total) == ("open", "unpaid", 2500)
    assert session.payment_intent is None

    response, _ = sandbox.pay(session, "4242 4242 4242 4242")

    assert response.status == 303
    assert response.headers["Location"] == f"http://shop.test/thanks?session={session.id}"
    params = {"expand": ["payment_intent.latest_charge.balance_transaction", "line_items"]}
    paid = sandbox.client().v1.checkout.sessions.retrieve(session.id, params)
    assert (paid.status, paid.payment_status, paid.url) == ("complete", "paid", None)
    assert paid.customer_details.email == "ann@example.com"
    assert [(line.description, line.quantity, line.amount_total) for line in paid.line_items.data] == [
        ("Oak stool", 2, 2500)
    ]
    intent = paid.payment_intent
    assert (intent.status, intent.amount_received, intent.currency) == ("succeeded", 2500, "eur")
    assert intent.metadata["order"] == "1"
    charge = intent.latest_charge
    assert (charge.paid, charge.amount_captured, charge.payment_method_details.card.last4) == (True, 2500, "4242")
    assert charge.balance_transaction.net == charge.amount - charge.balance_transaction.fee
    found = sandbox.client().v1.checkout.sessions.list({"payment_intent": intent.id}).data
    assert [one.id for one in found] == [session.id]
    eventually(lambda: "checkout.session.completed" in receiver.types(session.id))
    assert sorted(receiver.types(intent.id)) == [
        "charge.succeeded", "checkout.session.completed", "payment_intent.created", "payment_intent.succeeded",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("number", "code", "decline_code"),
    [
        ("4000000000000002", "card_declined", "generic_decline"),
        ("4000000000009995", "card_declined", "insufficient_funds"),
        ("4000000000000069", "expired_card", "expired_card"),
        ("4000000000000127", "incorrect_cvc", "incorrect_cvc"),
        ("4111111111111111", "card_declined", "test_mode_live_card"),
    ],
)
def test_declined_card_keeps_the_session_open(sandbox, receiver, new_session, number, code, decline_code):
    session = new_session()
    response, page = sandbox.pay(session, number)

    assert response.status == 402
    intent = intent_of(sandbox, session, "payment_intent.latest_charge")
    assert intent.status == "requires_payment_method"
    error = intent.last_payment_error
    assert (error.code, error.decline_code, error.type) == (code, decline_code, "card_error")
    assert error.message.replace("'", "&#x27;") in page
    assert f'value="{number}"' in page
    assert (intent.latest_charge.status, intent.latest_charge.failure_code) == ("failed", code)
    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        sandbox.client().v1.refunds.create({"payment_intent": intent.id})

    assert sandbox.pay(session, "4242424242424242")[0].status == 303
    assert intent_of(sandbox, session).status == "succeeded"
    eventually(lambda: "payment_intent.succeeded" in receiver.types(intent.id))
    assert {"charge.failed", "payment_intent.payment_failed"} <= set(receiver.types(intent.id))


@pytest.mark.parametrize("number", ["4000002500003155", "4000000000003220"])
def test_3d_secure(sandbox, receiver, new_session, number):
    session = new_session()
    response, _ = sandbox.pay(session, number)
    step = response.headers["Location"]
    assert (response.status, step) == (303, f"/c/pay/{session.id}/authenticate")
    intent = intent_of(sandbox, session)
    assert intent.status == "requires_action"
    assert intent.next_action.redirect_to_url.url == sandbox.url + step
    assert "Complete authentication" in sandbox.request("GET", step)[1]

    failed, _ = sandbox.submit(step, outcome="fail")
    assert failed.headers["Location"] == f"/c/pay/{session.id}"
    assert "unable to authenticate" in sandbox.request("GET", f"/c/pay/{session.id}")[1]
    error = intent_of(sandbox, session).last_payment_error
    assert error.code == "payment_intent_authentication_failure"
    assert sandbox.submit(step, outcome="complete")[0].headers["Location"] == f"/c/pay/{session.id}"
    assert intent_of(sandbox, session).status == "requires_payment_method"

    sandbox.pay(session, number)
    completed, _ = sandbox.submit(step, outcome="complete")
    assert completed.headers["Location"].startswith("http://shop.test/thanks")
    assert intent_of(sandbox, session).status == "succeeded"
    eventually(lambda: "checkout.session.completed" in receiver.types(session.id))
    assert receiver.types(intent.id).count("payment_intent.requires_action") == 2


@pytest.mark.parametrize("card", TEST_CARDS, ids=lambda card: card.number)
def test_one_click_uses_the_listed_card(sandbox, new_session, card):
    session = new_session()
    assert card.number in sandbox.request("GET", f"/c/pay/{session.id}")[1]
    response, _ = sandbox.submit(f"/c/pay/{session.id}", test_card=card.number)
    assert response.status == (402 if card.decline else 303)


def test_mistyped_fields_are_marked_and_kept(sandbox, new_session):
    session = new_session()
    response, page = sandbox.pay(session, "4242 4242 4242 4241", exp="11/20", cvc="12")
    assert response.status == 422
    for kept in ("4242 4242 4242 4241", "11/20", "12"):
        assert f'value="{kept}"' in page
    assert re.findall(r'class="error" id="(\w+)-error"', page) == ["number", "exp", "cvc"]
    assert sandbox.client().v1.checkout.sessions.retrieve(session.id).payment_intent is None


def test_email_is_asked_for_when_the_shop_gave_none(sandbox):
    params = {
        "mode": "payment",
        "success_url": "http://shop.test/",
        "line_items[0][price_data][currency]": "jpy",
        "line_items[0][price_data][unit_amount]": "500",
        "line_items[0][price_data][product_data][name]": "<b>Tea</b> & cup",
        "line_items[0][quantity]": "1",
    }
    body = "&".join(f"{name}={value.replace('&', '%26')}" for name, value in params.items())
    response, text = sandbox.request("POST", "/v1/checkout/sessions", body, Authorization="Bearer sk_test_raw")
    assert response.status == 200
    ident = json.loads(text)["id"]
    page = sandbox.request("GET", f"/c/pay/{ident}")[1]
    assert "&lt;b&gt;Tea&lt;/b&gt; &amp; cup" in page and "¥500" in page
    assert sandbox.submit(f"/c/pay/{ident}", test_card="4242424242424242")[0].status == 422
    response, _ = sandbox.submit(f"/c/pay/{ident}", test_card="4242424242424242", email="bo@example.com")
    assert response.headers["Location"] == "http://shop.test/"
    assert sandbox.client().v1.checkout.sessions.retrieve(ident).customer_details.email == "bo@example.com"


def test_double_submit_pays_once(sandbox, receiver, new_session):
    session = new_session()
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda _: sandbox.pay(session, "4242424242424242")[0], range(8)))
    assert {(one.status, one.headers["Location"]) for one in responses} == {
        (303, f"http://shop.test/thanks?session={session.id}")
    }
    intent = intent_of(sandbox, session)
    eventually(lambda: "checkout.session.completed" in receiver.types(session.id))
    charged = sandbox.client().v1.events.list({"type": "charge.succeeded", "limit": 100}).data
    assert [event.data.object["id"] for event in charged if event.data.object["payment_intent"] == intent.id] == [
        intent.latest_charge
    ]


def test_closed_sessions_say_so(sandbox, new_session):
    complete, expired = new_session(), new_session()
    sandbox.pay(complete, "4242424242424242")
    sandbox.client().v1.checkout.sessions.expire(expired.id)
    assert "payment is complete" in sandbox.request("GET", f"/c/pay/{complete.id}")[1]
    response, page = sandbox.pay(expired, "4242424242424242")
    assert response.status == 410 and "has expired" in page and "http://shop.test/cart" in page
    assert sandbox.request("GET", "/c/pay/cs_test_nothing")[0].status == 404
