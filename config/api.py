"""The JSON API: every app's router under `/api/`, with one shape for errors."""

from django.conf import settings
from ninja.openapi.docs import Swagger

from accounts.api import router as accounts
from cart.api import router as cart
from catalog.api import router as catalog
from checkout.api import router as checkout
from inventory.api import router as inventory
from notifications.api import router as notifications
from orders.api import router as orders
from recommendations.api import router as recommendations
from reviews.api import router as reviews
from shop.api import StrictJsonParser, install_error_handlers
from shop.contract import ShopApi


class Docs(Swagger):
    """On a page of our own: without inline script, and asking no other server whether our description is valid."""

    template = "api/docs.html"


api = ShopApi(
    title=f"{settings.SHOP_NAME} API",
    version="1.0.0",
    description="Products, carts, orders and accounts. Money is a number with the currency's own decimals.",
    parser=StrictJsonParser(large=("/api/products",)),
    docs=Docs(settings={"validatorUrl": None, "docExpansion": "list", "defaultModelsExpandDepth": -1}),
    docs_url="/docs",
)
install_error_handlers(api)
for router in (catalog, inventory, cart, checkout, orders, accounts, notifications, reviews, recommendations):
    api.add_router("", router)
