"""Each fault as the official SDK and the shop's webhook endpoint meet it, and that it is counted."""

import json
import time

import pytest
import stripe

from sandbox.faults import CALLS, KNOBS, Faults
from sandbox.tests.conftest import SECRET, create_session, eventually


def state(sandbox):
    return json.loads(sandbox.request("GET", "/_sandbox/state")[1])


def turn(sandbox, **knobs):
    response, text = sandbox.request("POST", "/_sandbox/faults", json.dumps(knobs))
    return response.status, json.loads(text)


@pytest.fixture
def faulty(own_sandbox):
    """A stand-in, and a client that is patient for a second and never tries again."""
    http = stripe.RequestsClient(timeout=1)
    client = stripe.StripeClient(
        "sk_test_faults", base_addresses={"api": own_sandbox.url}, http_client=http, max_network_retries=0
    )
    return own_sandbox, client


EFFECTS = {
    "timeout_before": (stripe.APIConnectionError, 0),
    "timeout_after": (stripe.APIConnectionError, 1),
    "error_before": (stripe.APIError, 0),
    "error_after": (stripe.APIError, 1),
    "rate_limited": (stripe.RateLimitError, 0),
    "bad_json": (stripe.APIError, 1),
    "reset_before": (stripe.APIConnectionError, 0),
    "reset_after": (stripe.APIConnectionError, 1),
}


@pytest.mark.parametrize("fault", CALLS)
def test_fault_of_a_call(faulty, fault):
    """Whether it had its effect, what the caller sees, and what a retry with the same key then finds."""
    sandbox, client = faulty
    error, effects = EFFECTS[fault]
    assert turn(sandbox, **{fault: {"only": "POST /v1/checkout/sessions", "seconds": 3, "at_most": 1}})[0] == 200
    client.v1.events.list()
    with pytest.raises(error):
        create_session(client, {"idempotency_key": "once"})
    seen = state(sandbox)
    assert (seen["struck"][fault], seen["sessions"]["total"]) == (1, effects)
    if fault == "error_after":
        with pytest.raises(stripe.APIError):  # as Stripe: the failure is this key's answer
            create_session(client, {"idempotency_key": "once"})
    else:
        assert create_session(client, {"idempotency_key": "once"}).status == "open"
    assert state(sandbox)["sessions"]["total"] == 1
    assert sum(state(sandbox)["struck"].values()) == 1
    assert state(sandbox)["calls"] == 3


def test_rate_limit_says_when_to_come_again(faulty):
    sandbox, client = faulty
    turn(sandbox, rate_limited={"seconds": 7})
    with pytest.raises(stripe.RateLimitError) as refusal:
        client.v1.events.list()
    assert refusal.value.headers and refusal.value.headers["Retry-After"] == "7"


def test_silence_ends_when_the_caller_hangs_up(faulty):
    sandbox, client = faulty
    turn(sandbox, timeout_before={"seconds": 60, "at_most": 1})
    started = time.monotonic()
    with pytest.raises(stripe.APIConnectionError):
        client.v1.events.list()
    assert time.monotonic() - started < 5
    client.v1.events.list()


def pay(sandbox, client):
    session = create_session(client)
    sandbox.pay(session, "4242424242424242")
    return session


def completed(receiver, session):
    return [event for event in receiver.events() if event.data.object["id"] == session.id]


def test_webhook_sent_n_times(faulty, receiver):
    sandbox, client = faulty
    turn(sandbox, webhook_duplicated={"times": 3, "only": "checkout.session.completed"})
    session = pay(sandbox, client)
    eventually(lambda: len(completed(receiver, session)) == 4)
    assert len({event.id for event in completed(receiver, session)}) == 1
    assert state(sandbox)["webhooks"]["duplicated"] == 1


def test_webhook_sent_late(faulty, receiver):
    sandbox, client = faulty
    turn(sandbox, webhook_delayed={"seconds": 1.5, "only": "checkout.*"})
    session = pay(sandbox, client)
    eventually(lambda: state(sandbox)["webhooks"]["delivered"] == 3)
    assert not completed(receiver, session)
    eventually(lambda: len(completed(receiver, session)) == 1)
    assert state(sandbox)["struck"]["webhook_delayed"] == 1


def test_webhook_overtaken_by_the_next(faulty, receiver):
    sandbox, client = faulty
    turn(sandbox, webhook_reordered={"only": "payment_intent.created", "seconds": 30})
    session = pay(sandbox, client)
    eventually(lambda: state(sandbox)["webhooks"]["delivered"] == 4)
    intent = client.v1.checkout.sessions.retrieve(session.id).payment_intent
    kinds = receiver.types(intent)
    assert kinds[0] != "payment_intent.created" and "payment_intent.created" in kinds


def test_webhook_lost(faulty, receiver):
    sandbox, client = faulty
    turn(sandbox, webhook_missing={"only": "checkout.*"})
    session = pay(sandbox, client)
    eventually(lambda: state(sandbox)["webhooks"]["pending"] == 0)
    assert not completed(receiver, session)
    assert state(sandbox)["webhooks"]["dropped"] == state(sandbox)["struck"]["webhook_missing"] == 1


def test_webhook_signed_wrongly(faulty, receiver):
    sandbox, client = faulty
    turn(sandbox, webhook_forged={"only": "checkout.*"})
    receiver.received.clear()
    session = pay(sandbox, client)
    eventually(lambda: state(sandbox)["struck"]["webhook_forged"] == 1)
    (body, signature) = eventually(
        lambda: next((each for each in receiver.received if f'"{session.id}"'.encode() in each[0]), None)
    )
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, signature, SECRET)
    receiver.received.clear()


def test_rate_and_seed_decide(own_sandbox):
    def strikes(seed, rate):
        faults = Faults()
        faults.update({"error_before": {"rate": rate, "seed": seed}})
        return [faults.strike_call("GET /v1/events") is not None for _ in range(400)]

    assert strikes(1, 0.2) == strikes(1, 0.2) != strikes(2, 0.2)
    assert 50 < sum(strikes(1, 0.2)) < 110
    assert not any(strikes(1, 0)) and all(strikes(1, 1))


def test_wrong_knobs_are_refused(own_sandbox):
    for wrong in (
        {"moon": {"rate": 1}},
        {"error_before": {"rate": 1.1}},
        {"error_before": {"rate": "often"}},
        {"error_before": {"rate": True}},
        {"error_before": {"colour": "red"}},
        {"webhook_duplicated": {"times": -1}},
        {"webhooks": "eat", "error_before": {}},
    ):
        assert turn(own_sandbox, **wrong)[0] == 400, wrong
    assert turn(own_sandbox)[1] == {"webhooks": "deliver"}
    assert turn(own_sandbox, bad_json={"rate": 0.5})[1]["bad_json"]["rate"] == 0.5
    assert turn(own_sandbox, bad_json=None)[1] == {"webhooks": "deliver"}
    assert set(state(own_sandbox)["struck"]) == set(KNOBS)
