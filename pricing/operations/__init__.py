"""What things cost: totals, taxes, promotions. The public door for carts, orders and the catalogue."""

from .coupons import claim, count_anew, customer_key, find_coupon, give_back, make_coupons
from .promotions import Applied, Candidate, Customer, Evaluation, Freight, Item, Offers, PricedCart, Rejected, evaluate
from .tax import Amount, Destination, make_first_tax_classes, tax_rates, taxed
from .totals import Quote, QuotedLine, quote

__all__ = [
    "Amount",
    "Applied",
    "Candidate",
    "Customer",
    "Destination",
    "Evaluation",
    "Freight",
    "Item",
    "Offers",
    "PricedCart",
    "Quote",
    "QuotedLine",
    "Rejected",
    "claim",
    "count_anew",
    "customer_key",
    "evaluate",
    "find_coupon",
    "give_back",
    "make_coupons",
    "make_first_tax_classes",
    "quote",
    "tax_rates",
    "taxed",
]
