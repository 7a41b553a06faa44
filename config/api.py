"""The JSON API: every app's router under `/api/`, with one shape for errors."""

from django.conf import settings

from accounts.api import router as accounts
from cart.api import router as cart
from catalog.api import router as catalog
from checkout.api import router as checkout
from inventory.api import router as inventory
from notifications.api import router as notifications
from orders.api import router as orders
from reviews.api import router as reviews
from shop.api import StrictJsonParser, install_error_handlers
from shop.contract import ShopApi

api = ShopApi(
    title=f"{settings.SHOP_NAME} API",
    version="1.0.0",
    description="Products, carts, orders and accounts. Money is a number with the currency's own decimals.",
    parser=StrictJsonParser(large=("/api/products",)),
    docs_url="/docs",
)
install_error_handlers(api)
for router in (catalog, inventory, cart, checkout, orders, accounts, notifications, reviews):
    api.add_router("", router)
