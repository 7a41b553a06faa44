"""Every request of the shop fits the SDK's parameter types; every answer and event of the stand-in fits its classes."""

from typing import Any

import pytest
import requests

from payments.tests.sandbox import Sandbox
from tests.provider import recorded, sdk
from tests.provider.journeys import JOURNEYS, SOURCE, Journey

pytestmark = pytest.mark.django_db(transaction=True)


def drive(journey: Journey, sandbox: Sandbox, settings: Any) -> list[recorded.Call]:
    """The calls that the shop made meanwhile."""
    before = len(recorded.read(sandbox.calls))
    journey(sandbox, settings)
    return recorded.read(sandbox.calls)[before:]


@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda journey: journey.__name__)
def test_calls_and_events_fit_the_sdk(journey: Journey, sandbox: Sandbox, settings: Any) -> None:
    seen = {event["id"] for event in events(sandbox)}
    calls = drive(journey, sandbox, settings)
    assert calls, "nothing was asked"
    assert [problem for call in calls for problem in call.problems()] == []
    told = [event for event in events(sandbox) if event["id"] not in seen]
    assert told, "nothing happened"
    assert [f"{event['type']} {problem}" for event in told for problem in sdk.problems_of_event(event)] == []


def test_every_call_of_the_shop_is_driven(sandbox: Sandbox, settings: Any) -> None:
    """A call that a later release adds has to be driven by a journey, or it is held against nothing."""
    driven = {call.name for journey in JOURNEYS for call in drive(journey, sandbox, settings)}
    assert sdk.calls_in(SOURCE) - driven == set()
    assert sdk.calls_in(SOURCE) <= sdk.CONTRACTS.keys()


def events(sandbox: Sandbox) -> list[dict[str, Any]]:
    headers = {"Authorization": "Bearer sk_test_contract"}
    found: list[dict[str, Any]] = []
    while True:
        after = {"starting_after": found[-1]["id"]} if found else {}
        page = requests.get(f"{sandbox.url}/v1/events", {"limit": 100, **after}, headers=headers, timeout=10).json()
        found += page["data"]
        if not page["has_more"]:
            return found
