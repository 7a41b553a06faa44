from .moves import MOVES
from .order import OrderAdmin

__all__ = ["MOVES", "OrderAdmin"]
