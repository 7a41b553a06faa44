from django.http import HttpRequest
from django.views.decorators.cache import never_cache
from ninja import Router

from shop.api import Envelope, Failure, Staff
from shop.errors import NotFound

from . import operations
from .models import StockItem
from .schemas import InventoryAnswer, InventoryBody

router = Router(tags=["Inventory"])
router.add_decorator(never_cache, mode="view")
InventoryEnvelope = Envelope[InventoryAnswer]
ERRORS = {401: Failure, 403: Failure, 404: Failure}


@router.get(
    "/inventory/{sku}",
    auth=Staff("inventory.view_stockitem"),
    response={200: InventoryEnvelope, **ERRORS},
    by_alias=True,
)
def get_inventory(request: HttpRequest, sku: str) -> InventoryEnvelope:
    """The SKU's units in the first warehouse that has it."""
    return InventoryEnvelope(data=InventoryAnswer.of(find(sku)))


@router.put(
    "/inventory/{sku}",
    auth=Staff("inventory.change_stockitem"),
    response={200: InventoryEnvelope, 400: Failure, **ERRORS},
    by_alias=True,
)
def update_inventory(request: HttpRequest, sku: str, body: InventoryBody) -> InventoryEnvelope:
    """Records what was counted. Fewer units than are promised block the sale until the difference is made up."""
    item = operations.update_item(
        find(sku),
        quantity=body.quantity,
        low_stock_threshold=body.low_stock_threshold,
        actor=getattr(request.user, "public_id", ""),
    )
    return InventoryEnvelope(data=InventoryAnswer.of(item))


def find(sku: str) -> StockItem:
    item = StockItem.objects.filter(sku=sku).order_by("warehouse__priority", "id").first()
    if item is None:
        raise NotFound
    return item
