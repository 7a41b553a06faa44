from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q
from django.db.models.functions import Length

from ..models import Category, Product
from ..search import SearchRequest
from .listing import search

MAX_CATEGORIES = 3


@dataclass(frozen=True, slots=True)
class Suggestions:
    """What somebody who typed this much may mean. `corrected`: the text that was searched instead of a misspelt one."""

    products: Sequence[Product]
    categories: Sequence[Category]
    corrected: str


def suggest(text: str, *, limit: int) -> Suggestions:
    """At most `limit` products and three categories; the last word counts as a beginning. Nothing for no text."""
    text = " ".join(text.split())
    if not text:
        return Suggestions((), (), "")
    page, result = search(SearchRequest(text=text, size=limit))
    return Suggestions(page.items, _categories(result.corrected or text), result.corrected)


def _categories(text: str) -> list[Category]:
    """Those with a word of their name that begins so; the shortest names, which fit best, first."""
    named = Q(name__istartswith=text) | Q(name__icontains=f" {text}")
    return list(Category.objects.filter(named).order_by(Length("name"), "name")[:MAX_CATEGORIES])
