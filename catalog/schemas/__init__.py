"""The JSON contract of products: what may be sent, what is answered."""

from .answers import FacetAnswer, ProductAnswer, SearchEnvelope, WithdrawnAnswer, product_answers
from .create import ProductBody, VariantBody
from .replace import ProductPut, VariantPut
from .suggestions import SuggestionsAnswer, SuggestQuery
from .values import picture_at

__all__ = [
    "FacetAnswer",
    "ProductAnswer",
    "ProductBody",
    "ProductPut",
    "SearchEnvelope",
    "SuggestQuery",
    "SuggestionsAnswer",
    "VariantBody",
    "VariantPut",
    "WithdrawnAnswer",
    "picture_at",
    "product_answers",
]
