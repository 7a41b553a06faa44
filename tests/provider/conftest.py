from typing import Any

import pytest

from payments.tests.conftest import keys, running_sandbox  # noqa: F401
from payments.tests.sandbox import Sandbox


@pytest.fixture
def sandbox(running_sandbox: Sandbox, transactional_db: None, settings: Any) -> Sandbox:  # noqa: F811
    """Stripe as this shop knows it, its webhooks lost. Whether the books balance is for the tests of payments/: here
    journeys stop wherever the last call was made."""
    settings.STRIPE_API_BASE = running_sandbox.url
    running_sandbox.set_webhooks("drop")
    return running_sandbox
