"""PaymentIntents: by themselves and behind a session, captured by hand, whole, in part or never."""

import pytest
import stripe

from sandbox.tests.conftest import eventually


@pytest.fixture
def intents(sandbox):
    return sandbox.client().v1.payment_intents


@pytest.fixture
def authorised(sandbox, new_session):
    """A session paid with a card of which nothing has been captured yet."""
    session = new_session(payment_intent_data={"capture_method": "manual"})
    response, _ = sandbox.pay(session, "4242424242424242")
    assert response.status == 303
    return sandbox.client().v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})


def create(intents, **params):
    values = {"amount": 2500, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True} | params
    return intents.create(values)


def test_intent_by_itself_succeeds(intents, sandbox, receiver):
    made = create(intents, metadata={"order": "1"}, expand=["payment_method", "latest_charge"])
    assert (made.status, made.amount_received, made.capture_method) == ("succeeded", 2500, "automatic_async")
    assert (made.latest_charge.captured, made.payment_method.card.last4) == (True, "4242")
    assert intents.retrieve(made.id).metadata["order"] == "1"
    assert intents.list({"limit": 1}).data[0].id == made.id
    assert sandbox.client().v1.charges.list({"payment_intent": made.id}).data[0].id == made.latest_charge.id
    eventually(lambda: "payment_intent.succeeded" in receiver.types(made.id))


def test_intent_is_confirmed_later(intents):
    made = create(intents, confirm=False, payment_method="pm_card_mastercard")
    assert made.status == "requires_confirmation"
    assert intents.confirm(made.id).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        intents.confirm(made.id)
    assert refusal.value.code == "payment_intent_unexpected_state"
    bare = intents.create({"amount": 500, "currency": "eur"})
    assert bare.status == "requires_payment_method"
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        intents.confirm(bare.id)
    assert intents.confirm(bare.id, {"payment_method": "pm_card_visa"}).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError, match="No such PaymentMethod"):
        create(intents, payment_method="pm_card_unknown")


def test_declined_card_is_an_error_that_stays(intents):
    """The decline is kept for the key: a retry with it must not try the card again."""
    made = create(intents, confirm=False)
    for _ in range(2):
        with pytest.raises(stripe.CardError) as refusal:
            intents.confirm(made.id, {"payment_method": "pm_card_chargeDeclined"}, {"idempotency_key": f"c-{made.id}"})
        assert (refusal.value.http_status, refusal.value.code) == (402, "card_declined")
    error, headers = refusal.value.error, refusal.value.headers
    assert error and error.payment_intent and headers
    assert (error.decline_code, error.payment_intent.status) == ("generic_decline", "requires_payment_method")
    assert error.charge == intents.retrieve(made.id).latest_charge
    assert headers["Idempotent-Replayed"] == "true"


def test_3d_secure_without_a_session(intents, sandbox):
    made = create(intents, payment_method="pm_card_authenticationRequired", return_url="http://shop.test/back?a=b")
    assert made.status == "requires_action"
    step = made.next_action.redirect_to_url.url.removeprefix(sandbox.url)
    assert "Complete authentication" in sandbox.request("GET", step)[1]
    response, _ = sandbox.submit(step, outcome="complete")
    assert response.headers["Location"] == f"http://shop.test/back?a=b&payment_intent={made.id}"
    assert intents.retrieve(made.id).status == "succeeded"
    assert sandbox.submit(step, outcome="complete")[0].status == 404


def test_authorised_session_is_complete_and_unpaid(authorised, receiver):
    intent = authorised.payment_intent
    assert (authorised.status, authorised.payment_status) == ("complete", "unpaid")
    assert (intent.status, intent.amount_capturable, intent.amount_received) == ("requires_capture", 2500, 0)
    charge = intent.latest_charge
    assert (charge.paid, charge.captured, charge.amount_captured) == (True, False, 0)
    eventually(lambda: "checkout.session.completed" in receiver.types(authorised.id))
    assert sorted(receiver.types(intent.id)) == [
        "charge.succeeded", "checkout.session.completed", "payment_intent.amount_capturable_updated",
        "payment_intent.created",
    ]  # fmt: skip


def test_capture_takes_all(authorised, intents, sandbox, receiver):
    captured = intents.capture(authorised.payment_intent.id, {}, {"idempotency_key": authorised.id})
    assert intents.capture(authorised.payment_intent.id, {}, {"idempotency_key": authorised.id}).status == "succeeded"
    assert (captured.status, captured.amount_received, captured.amount_capturable) == ("succeeded", 2500, 0)
    assert sandbox.client().v1.checkout.sessions.retrieve(authorised.id).payment_status == "paid"
    with pytest.raises(stripe.InvalidRequestError, match="status of succeeded"):
        intents.capture(captured.id)
    with pytest.raises(stripe.InvalidRequestError, match="status of succeeded"):
        intents.cancel(captured.id)
    assert sandbox.client().v1.refunds.create({"payment_intent": captured.id}).amount == 2500
    eventually(lambda: "charge.captured" in receiver.types(captured.id))


def test_capture_of_a_part_releases_the_rest(authorised, intents, sandbox, receiver):
    """Stripe keeps the release as a refund that no request made: a shop must not count it as money given back."""
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        intents.capture(authorised.payment_intent.id, {"amount_to_capture": 2501})
    assert refusal.value.param == "amount_to_capture"
    captured = intents.capture(
        authorised.payment_intent.id, {"amount_to_capture": 1500, "expand": ["latest_charge.balance_transaction"]}
    )
    charge = captured.latest_charge
    assert (captured.amount, captured.amount_received, charge.amount_captured) == (2500, 1500, 1500)
    assert (charge.amount_refunded, charge.refunded, charge.balance_transaction.amount) == (1000, False, 1500)
    refunds = sandbox.client().v1.refunds
    (released,) = refunds.list({"payment_intent": captured.id}).data
    assert (released.amount, released.balance_transaction, released.metadata.to_dict()) == (1000, None, {})
    with pytest.raises(stripe.InvalidRequestError, match=r"€15.01.*€15.00"):
        refunds.create({"payment_intent": captured.id, "amount": 1501})
    assert refunds.create({"payment_intent": captured.id}).amount == 1500
    eventually(lambda: "payment_intent.succeeded" in receiver.types(captured.id))


def test_cancel_releases_what_was_authorised(authorised, intents, sandbox, receiver):
    canceled = intents.cancel(
        authorised.payment_intent.id,
        {"cancellation_reason": "requested_by_customer", "expand": ["latest_charge"]},
    )
    assert (canceled.status, canceled.amount_capturable) == ("canceled", 0)
    assert canceled.cancellation_reason == "requested_by_customer"
    assert (canceled.latest_charge.refunded, canceled.latest_charge.captured) == (True, False)
    for verb in (intents.capture, intents.cancel, intents.confirm):
        with pytest.raises(stripe.InvalidRequestError, match="status of canceled"):
            verb(canceled.id)
    assert sandbox.client().v1.checkout.sessions.retrieve(authorised.id).payment_status == "unpaid"
    eventually(lambda: "payment_intent.canceled" in receiver.types(canceled.id))
    assert "charge.refunded" in receiver.types(canceled.id)


def test_open_sessions_intent_is_expired_and_not_canceled(intents, sandbox, new_session):
    session = new_session()
    sandbox.pay(session, "4000000000000002")
    ident = sandbox.client().v1.checkout.sessions.retrieve(session.id).payment_intent
    with pytest.raises(stripe.InvalidRequestError, match="open Checkout Session"):
        intents.cancel(ident)


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"amount": 10}, "amount_too_small", "amount"),
        ({"amount": -1}, "parameter_invalid_integer", "amount"),
        ({"capture_method": "later"}, None, "capture_method"),
        ({"confirm": "yes"}, None, "confirm"),
        ({"colour": "red"}, "parameter_unknown", "colour"),
    ],
)
def test_bad_parameters_are_refused(intents, change, code, param):
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        create(intents, **change)
    assert (refusal.value.http_status, refusal.value.code, refusal.value.param) == (400, code, param)
