"""POST /api/orders, whose payment begins outside of every transaction: each test has a world of its own."""

import pytest

from payments.tests.sandbox import Sandbox

from .checks import golden_differences, openings_for_strangers, state, wrong_refusals
from .compare import differences, golden, parse
from .endpoints import ENDPOINTS
from .world import World, data, order_body

pytestmark = pytest.mark.django_db(transaction=True)
[PLACE_ORDER] = [endpoint for endpoint in ENDPOINTS if endpoint.calls_provider]


def test_answers_its_golden_file(own_world: World) -> None:
    assert golden_differences(PLACE_ORDER, own_world) == []


def test_a_guest_gets_a_token_for_the_order(own_world: World) -> None:
    nobody = own_world.nobody
    cart = data(nobody.post("/cart/me/items", {"sku": "MUG-T"}))
    answer = nobody.post("/orders", order_body(cartId=cart["cartId"]))
    assert differences(golden("place_order_as_guest"), parse(answer.content)) == []
    order = data(answer)
    read = data(nobody.get(f"/orders/{order['orderId']}?token={order['orderToken']}"))
    # To the last digit of its times.
    assert read == {name: order[name] for name in read}


def test_a_card_is_paid_at_the_providers_page(sandbox: Sandbox, own_world: World) -> None:
    answer = own_world.anna.api.post("/orders", order_body(paymentMethod="stripe"))
    assert differences(golden("place_order_by_card"), parse(answer.content)) == []
    assert data(answer)["payment"]["redirectUrl"].startswith(sandbox.url)


def test_refuses_bad_input_and_nothing_has_changed(own_world: World) -> None:
    before = state(own_world)
    assert wrong_refusals(PLACE_ORDER, own_world) == []
    assert state(own_world) == before


def test_anothers_cart_is_as_missing(own_world: World) -> None:
    before = state(own_world)
    assert openings_for_strangers(PLACE_ORDER, own_world) == []
    assert state(own_world) == before
