"""Thousands of random steps, each answered by the shop as the books foretold.

`SHOP_MODEL_STEPS` and `SHOP_MODEL_SEED` say how many and which; the tally goes to the file `SHOP_MODEL_TALLY`.
"""

import json
import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from catalog.tests.factories import VariantFactory
from payments.tests.sandbox import Sandbox
from pricing.models import Action
from pricing.tests.factories import coupon, stored_promotion
from shipping.models import ShippingMethod

from .machine import COUPON, COUPON_USES, FREIGHT, OFF, PRICES, SKUS, ShopMachine

STEPS = int(os.environ.get("SHOP_MODEL_STEPS", "5000"))
SEED = int(os.environ.get("SHOP_MODEL_SEED", "1"))
A_HISTORY = 100
# Of the steps: what comes more seldom proves little.
LEAST_OF_A_RULE, LEAST_OF_AN_OUTCOME = 0.01, 0.002

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_the_shop_answers_as_the_books_say(sandbox: Sandbox, capsys: pytest.CaptureFixture[str]) -> None:
    for sku in SKUS:
        VariantFactory.create(sku=sku, price_minor=PRICES[sku], stock=0)
    ShippingMethod.objects.update(price_minor=FREIGHT, free_from_minor=None)
    off = stored_promotion(name="Model", needs_coupon=True, action=Action.AMOUNT, amount_minor=OFF)
    coupon(COUPON, of=off, usage_limit=COUPON_USES)
    ShopMachine.sandbox = sandbox
    ShopMachine.tally.clear()
    turn = 0
    while ShopMachine.tally.total() < STEPS:
        turn += 1
        missing = -(-(STEPS - ShopMachine.tally.total()) // A_HISTORY)
        machine = seed(SEED * 1000 + turn)(ShopMachine)
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=missing,
                stateful_step_count=A_HISTORY,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
                print_blob=True,
            ),
        )
    tally, steps = ShopMachine.tally, ShopMachine.tally.total()
    with capsys.disabled():
        print(f"\n{steps} steps, seed {SEED}")
        for (rule, outcome), times in sorted(tally.items()):
            print(f"  {rule}: {outcome:<18}{times:6} {times / steps:7.1%}")
    if file := os.environ.get("SHOP_MODEL_TALLY"):
        Path(file).write_text(json.dumps({f"{rule}: {outcome}": n for (rule, outcome), n in sorted(tally.items())}))
    rules: Counter[str] = Counter()
    for (rule, _), times in tally.items():
        rules[rule] += times
    rare = [rule for rule, times in rules.items() if times < LEAST_OF_A_RULE * steps]
    rare += [f"{rule}: {outcome}" for (rule, outcome), times in tally.items() if times < LEAST_OF_AN_OUTCOME * steps]
    assert rare == [], "too rare to prove anything"
