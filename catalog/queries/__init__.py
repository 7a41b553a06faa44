"""Reads in the catalogue's words; a constant number of database queries whatever the number of rows."""

from .cards import Card, cards, cheapest, newest
from .detail import Axis, AxisOption, Delivery, ProductPage, product_page, similar_to, trail
from .items import item_of
from .listing import Facet, FacetValue, Listing, any_product_with, category_at, listing, product_with, search
from .prices import lowest_prices, lowest_to_tell
from .stock import Stock, stock_of
from .suggestions import Suggestions, suggest

__all__ = [
    "Axis",
    "AxisOption",
    "Card",
    "Delivery",
    "Facet",
    "FacetValue",
    "Listing",
    "ProductPage",
    "Stock",
    "Suggestions",
    "any_product_with",
    "cards",
    "category_at",
    "cheapest",
    "item_of",
    "listing",
    "lowest_prices",
    "lowest_to_tell",
    "newest",
    "product_page",
    "product_with",
    "search",
    "similar_to",
    "stock_of",
    "suggest",
    "trail",
]
