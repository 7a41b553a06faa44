"""The JSON API: every app's router under `/api/`, with one shape for errors."""

from django.conf import settings
from ninja.openapi.docs import Swagger

from accounts.api import router as accounts
from cart.api import router as cart
from catalog.api import router as catalog
from checkout.api import router as checkout
from inventory.api import router as inventory
from invoices.api import router as invoices
from notifications.api import router as notifications
from orders.api import router as orders
from payments.api import router as payments
from recommendations.api import router as recommendations
from reviews.api import router as reviews
from shop.api import StrictJsonParser, install_error_handlers
from shop.contract import ShopApi
from webhooks.api import router as webhooks

DESCRIPTION = """
Products, carts, orders and accounts.

- An answer is `{"success": true, "data": ...}`; a refusal tells `error`, a fixed `code`, `fields` and `requestId`, with
  `Accept: application/problem+json` in RFC 9457's form.
- Money is a number with the currency's own decimals. Times are RFC 3339 in UTC. Ids are opaque.
- Lists take `limit` and `offset`; beyond an offset of 10,000 `nextCursor` leads on. `Link` names the next page.
- `ETag` and `If-None-Match` save what has not changed; `If-Match` refuses to overwrite what has.
- With an `Idempotency-Key` a request that creates or pays can be repeated for 24 hours and happens once.
- `RateLimit` tells what is left, a 429 its `Retry-After`.
- Every address works below `/api/v1/` too. Changes only add.
"""


class Docs(Swagger):
    """On a page of our own, which the strict Content-Security-Policy allows; its settings are in js/docs.js."""

    template = "api/docs.html"


api = ShopApi(
    title=f"{settings.SHOP_NAME} API",
    version="1.0.0",
    description=DESCRIPTION.strip(),
    parser=StrictJsonParser(large=("/api/products",)),
    docs=Docs(),
    docs_url="/docs",
)
install_error_handlers(api)
for router in (
    catalog,
    inventory,
    cart,
    checkout,
    orders,
    payments,
    invoices,
    accounts,
    notifications,
    reviews,
    recommendations,
    webhooks,
):
    api.add_router("", router)
