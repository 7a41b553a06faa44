"""Every request of the shop, sent again to Stripe's own stripe-mock, which checks it against Stripe's OpenAPI.

Runs where `stripe-mock` is on PATH or among Go's programs: `go install github.com/stripe/stripe-mock@v0.203.0`.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from payments.tests.sandbox import Sandbox
from tests.provider.journeys import JOURNEYS, Journey
from tests.provider.test_contract import drive
from tests.stack import free_port

pytestmark = pytest.mark.django_db(transaction=True)
# The newest stripe-mock speaks 2026-08-26.dahlia; the release after it renamed this one.
RENAMED_SINCE = {"allowed_payment_method_types": "payment_method_types"}


def program() -> str | None:
    homes = [os.environ.get("GOBIN"), os.path.join(os.environ.get("GOPATH") or Path.home() / "go", "bin")]
    return shutil.which("stripe-mock") or shutil.which("stripe-mock", path=os.pathsep.join(filter(None, homes)))


@pytest.fixture(scope="module")
def stripe_mock() -> Iterator[str]:
    found = program()
    if not found:
        pytest.skip("stripe-mock is not installed")
    port = free_port()
    process = subprocess.Popen(
        [found, "-http-addr", f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline and process.poll() is None, "stripe-mock did not start"
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def ask(base: str, method: str, path: str, form: str) -> requests.Response:
    for new, old in RENAMED_SINCE.items():
        form = form.replace(new, old)
    headers = {"Authorization": "Bearer sk_test_123", "Content-Type": "application/x-www-form-urlencoded"}
    if method == "GET":
        return requests.get(f"{base}{path}?{form}", headers=headers, timeout=10)
    return requests.post(f"{base}{path}", data=form, headers=headers, timeout=10)


@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda journey: journey.__name__)
def test_stripe_takes_every_request(journey: Journey, stripe_mock: str, sandbox: Sandbox, settings: Any) -> None:
    calls = drive(journey, sandbox, settings)
    assert calls
    refused = []
    for call in calls:
        answer = ask(stripe_mock, call.method, call.path, call.form)
        if not answer.ok:
            refused.append(f"{call.method} {call.path} {call.form}: {answer.text}")
    assert refused == []


def test_stripe_mock_refuses_a_wrong_request(stripe_mock: str) -> None:
    for wrong in ("colour=red", "mode=gift", "line_items[0][quantity]=many", "expires_at=soon"):
        answer = ask(stripe_mock, "POST", "/v1/checkout/sessions", f"success_url=http://shop.test/&{wrong}")
        assert answer.status_code == 400, wrong
