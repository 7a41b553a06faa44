"""The process: what survives kill -9; webhooks delivered, retried, dropped and repeated; many connections at once."""

import json
import socket
import subprocess

import pytest
import stripe

from sandbox.tests.conftest import ROOT, SECRET, command, create_session, eventually


def state(sandbox):
    return json.loads(sandbox.request("GET", "/_sandbox/state")[1])


def set_fault(sandbox, **knobs):
    response, text = sandbox.request("POST", "/_sandbox/faults", json.dumps(knobs))
    return response.status, json.loads(text)


def pay_new_session(sandbox):
    session = create_session(sandbox.client())
    sandbox.pay(session, "4242424242424242")
    return session


def test_state_survives_kill(own_sandbox):
    client = own_sandbox.client()
    still_open = create_session(client, {"idempotency_key": "before"})
    session = pay_new_session(own_sandbox)
    intent = client.v1.checkout.sessions.retrieve(session.id).payment_intent
    refund = client.v1.refunds.create({"payment_intent": intent, "amount": 300})
    eventually(lambda: state(own_sandbox)["webhooks"]["pending"] == 0)
    before = state(own_sandbox)
    own_sandbox.kill()
    with (own_sandbox.directory / "journal.jsonl").open("ab") as journal:
        journal.write(b'{"put":[{"id":"cs_test_torn","obj')  # as a kill in the middle of a write leaves it
    own_sandbox.start()

    # Calls are counted from a start on.
    assert state(own_sandbox) == before | {"calls": 0}
    client = own_sandbox.client()
    assert client.v1.refunds.retrieve(refund.id).amount == 300
    assert client.v1.payment_intents.retrieve(intent).status == "succeeded"
    assert create_session(client, {"idempotency_key": "before"}).id == still_open.id
    assert own_sandbox.pay(still_open, "4242424242424242")[0].status == 303
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create({"payment_intent": intent, "amount": 2201})


def test_webhooks_are_signed_and_complete(own_sandbox, receiver):
    session = pay_new_session(own_sandbox)
    eventually(lambda: "checkout.session.completed" in receiver.types(session.id))
    body, signature = next(
        (body, signature) for body, signature in receiver.received if f'"{session.id}"'.encode() in body
    )
    event = stripe.Webhook.construct_event(body, signature, SECRET)
    assert (event.livemode, event.api_version) == (False, stripe.api_version)
    assert event.data.object["payment_status"] == "paid"
    for wrong_body, secret in ((body + b" ", SECRET), (body, "whsec_other")):
        with pytest.raises(stripe.SignatureVerificationError):
            stripe.Webhook.construct_event(wrong_body, signature, secret)
    kept = own_sandbox.client().v1.events.retrieve(event.id)
    assert eventually(lambda: state(own_sandbox)["webhooks"]["pending"] == 0)
    assert kept.data.object == event.data.object


def test_refused_webhooks_are_retried_and_survive_kill(own_sandbox, receiver):
    receiver.refusals = 4
    session = pay_new_session(own_sandbox)
    eventually(lambda: state(own_sandbox)["webhooks"]["failed_attempts"] == 4)
    own_sandbox.kill()
    assert receiver.types(session.id) == []
    own_sandbox.start()
    eventually(lambda: state(own_sandbox)["webhooks"]["pending"] == 0)
    assert receiver.types(session.id) == ["checkout.session.completed"]
    webhooks = state(own_sandbox)["webhooks"]
    assert (webhooks["delivered"], webhooks["failed_attempts"], webhooks["abandoned"]) == (4, 4, 0)


def test_dropped_webhooks_never_arrive(own_sandbox, receiver):
    assert set_fault(own_sandbox, webhooks="drop") == (200, {"webhooks": "drop"})
    lost = pay_new_session(own_sandbox)
    eventually(lambda: state(own_sandbox)["webhooks"]["dropped"] == 4)
    set_fault(own_sandbox, webhooks="deliver")
    seen = pay_new_session(own_sandbox)
    eventually(lambda: receiver.types(seen.id))
    assert receiver.types(lost.id) == []
    assert own_sandbox.client().v1.checkout.sessions.retrieve(lost.id).payment_status == "paid"


def test_duplicated_webhooks_arrive_twice_with_one_id(own_sandbox, receiver):
    set_fault(own_sandbox, webhooks="duplicate")
    session = pay_new_session(own_sandbox)
    eventually(lambda: state(own_sandbox)["webhooks"]["duplicated"] == 4)
    completed = [event.id for event in receiver.events() if event.data.object["id"] == session.id]
    assert len(completed) == 2 and len(set(completed)) == 1


def test_unknown_faults_are_refused(own_sandbox):
    for knobs in ({"webhooks": "eat"}, {"moon": "full"}):
        assert set_fault(own_sandbox, **knobs)[0] == 400
    assert own_sandbox.request("POST", "/_sandbox/faults", "not json")[0].status == 400
    assert json.loads(own_sandbox.request("GET", "/_sandbox/faults")[1]) == {"webhooks": "deliver"}


def test_takes_300_connections_at_once(own_sandbox):
    connections = [socket.create_connection(("127.0.0.1", own_sandbox.port), timeout=10) for _ in range(300)]
    for connection in connections:
        connection.sendall(b"GET /_sandbox/faults HTTP/1.1\r\nHost: sandbox\r\n\r\n")
    assert all(connection.recv(12) == b"HTTP/1.1 200" for connection in connections)
    resident = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(own_sandbox.process.pid)], capture_output=True, text=True, check=True
    )
    assert int(resident.stdout) < 40_000  # kilobytes
    for connection in connections:
        connection.close()


def test_second_process_on_the_same_journal_is_refused(own_sandbox):
    second = subprocess.run(
        command(0, own_sandbox.directory, "http://127.0.0.1:1/"),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=10,
    )
    assert second.returncode == 1
    assert "in use by another process" in second.stderr
