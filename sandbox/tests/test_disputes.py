"""Disputes, and refunds that fail or take their time."""

import json

import pytest
import stripe

from sandbox.tests.conftest import eventually

DISPUTED, FAILING_REFUND, PENDING_REFUND = "4000000000000259", "4000000000005126", "4000000000007726"


@pytest.fixture
def pay(sandbox, new_session):
    """The intent's id after a payment with this card."""

    def paid(number="4242424242424242"):
        session = new_session()
        assert sandbox.pay(session, number)[0].status == 303
        return sandbox.client().v1.checkout.sessions.retrieve(session.id).payment_intent

    return paid


def by_hand(sandbox, ident="", **values):
    path = f"/_sandbox/disputes/{ident}".rstrip("/")
    response, text = sandbox.request("POST", path, json.dumps(values))
    return response.status, json.loads(text)


def test_card_that_is_disputed(sandbox, receiver, pay):
    client, intent = sandbox.client(), pay(DISPUTED)
    (dispute,) = client.v1.disputes.list({"payment_intent": intent}).data
    assert (dispute.status, dispute.reason, dispute.amount) == ("needs_response", "fraudulent", 2500)
    (withdrawn,) = dispute.balance_transactions
    assert (withdrawn.amount, withdrawn.fee, withdrawn.net) == (-2500, 1500, -4000)
    assert client.v1.charges.retrieve(dispute.charge).disputed
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        client.v1.refunds.create({"payment_intent": intent})
    assert refusal.value.code == "charge_disputed"
    eventually(lambda: "charge.dispute.funds_withdrawn" in receiver.types(dispute.id))

    lost = client.v1.disputes.close(dispute.id)
    assert (lost.status, client.v1.disputes.retrieve(dispute.id).status) == ("lost", "lost")
    with pytest.raises(stripe.InvalidRequestError, match="already closed"):
        client.v1.disputes.close(dispute.id)
    eventually(lambda: "charge.dispute.closed" in receiver.types(dispute.id))
    assert sorted(receiver.types(dispute.id)) == [
        "charge.dispute.closed", "charge.dispute.created", "charge.dispute.funds_withdrawn",
    ]  # fmt: skip


def test_evidence_that_wins(sandbox, receiver, pay):
    client, intent = sandbox.client(), pay(DISPUTED)
    (dispute,) = client.v1.disputes.list({"payment_intent": intent}).data
    kept = client.v1.disputes.update(dispute.id, {"evidence": {"customer_name": "Ann"}, "submit": False})
    assert (kept.status, kept.evidence_details.has_evidence) == ("needs_response", True)
    won = client.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "winning_evidence"}})
    assert (won.status, won.evidence.customer_name, won.evidence_details.submission_count) == ("won", "Ann", 1)
    assert sum(entry.net for entry in won.balance_transactions) == 0
    assert client.v1.refunds.create({"payment_intent": intent, "amount": 100}).status == "succeeded"
    eventually(lambda: "charge.dispute.closed" in receiver.types(dispute.id))
    assert "charge.dispute.funds_reinstated" in receiver.types(dispute.id)


@pytest.mark.parametrize("outcome", ["won", "lost"])
def test_dispute_by_hand(sandbox, pay, outcome):
    intent = pay()
    status, made = by_hand(sandbox, payment_intent=intent, amount=700, reason="product_not_received")
    assert (status, made["amount"], made["reason"]) == (200, 700, "product_not_received")
    assert by_hand(sandbox, payment_intent=intent)[0] == 400
    assert by_hand(sandbox, made["id"], outcome="draw")[0] == 400
    assert by_hand(sandbox, made["id"], outcome=outcome)[1]["status"] == outcome
    assert by_hand(sandbox, made["id"], outcome=outcome)[0] == 404


def test_dispute_by_hand_needs_money_that_was_taken(sandbox, pay):
    assert by_hand(sandbox, charge="ch_missing")[0] == 404
    for wrong in ({"amount": 2501}, {"amount": 0}, {"reason": "spite"}, {"amount": "all"}):
        assert by_hand(sandbox, payment_intent=pay(), **wrong)[0] == 400, wrong
    refused = pay()
    sandbox.client().v1.refunds.create({"payment_intent": refused})
    assert by_hand(sandbox, payment_intent=refused)[0] == 400


def test_refund_that_fails_afterwards(sandbox, receiver, pay):
    client, intent = sandbox.client(), pay(FAILING_REFUND)
    refund = client.v1.refunds.create({"payment_intent": intent, "amount": 900})
    assert refund.status == "succeeded"
    later = client.v1.refunds.retrieve(refund.id, {"expand": ["failure_balance_transaction", "charge"]})
    assert (later.status, later.failure_reason) == ("failed", "expired_or_canceled_card")
    assert (later.failure_balance_transaction.amount, later.charge.amount_refunded) == (900, 0)
    eventually(lambda: "refund.failed" in receiver.types(refund.id))


def test_refund_that_takes_time(sandbox, receiver, pay):
    client, intent = sandbox.client(), pay(PENDING_REFUND)
    refund = client.v1.refunds.create({"payment_intent": intent})
    assert (refund.status, refund.pending_reason) == ("pending", "processing")
    assert client.v1.refunds.retrieve(refund.id).status == "succeeded"
    eventually(lambda: "refund.updated" in receiver.types(refund.id))


def test_card_refund_is_not_canceled(sandbox, pay):
    refunds = sandbox.client().v1.refunds
    refund = refunds.create({"payment_intent": pay()})
    with pytest.raises(stripe.InvalidRequestError, match="cannot be canceled"):
        refunds.cancel(refund.id)


def test_events_tell_which_news_arrived(own_sandbox, receiver):
    client = own_sandbox.client()
    own_sandbox.request("POST", "/_sandbox/faults", json.dumps({"webhooks": "drop"}))
    lost = client.v1.payment_intents.create({"amount": 500, "currency": "eur"})
    eventually(lambda: client.v1.events.list({"delivery_success": False}).data)
    own_sandbox.request("POST", "/_sandbox/faults", json.dumps({"webhooks": "deliver"}))
    seen = client.v1.payment_intents.create({"amount": 500, "currency": "eur"})
    eventually(lambda: client.v1.events.list({"delivery_success": True}).data)
    for wanted, intent in ((True, seen), (False, lost)):
        (event,) = client.v1.events.list({"delivery_success": wanted, "type": "payment_intent.created"}).data
        assert event.data.object["id"] == intent.id
        assert client.v1.events.list({"created": event.created, "delivery_success": wanted}).data
        assert not client.v1.events.list({"created": {"gt": event.created + 9}, "delivery_success": wanted}).data
