from .items import StockItemAdmin
from .ledger import ReservationAdmin, StockMovementAdmin
from .moves import MOVES
from .warehouses import WarehouseAdmin

__all__ = ["MOVES", "ReservationAdmin", "StockItemAdmin", "StockMovementAdmin", "WarehouseAdmin"]
