"""What a list or a search may be asked for, parsed once for pages and API alike.

The FilterSet filters nothing itself: its cleaned values become a `SearchRequest`. `attr.<code>` filters are added for
each request from its own parameters.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils.functional import cached_property
from django_filters import CharFilter, ChoiceFilter, Filter, FilterSet

from shop.api import NUMBER, WHOLE_NUMBER, WORDS
from shop.errors import InvalidInput
from shop.money import to_minor
from shop.paging import DEFAULT_LIMIT, MAX_CURSOR, MAX_LIMIT, MAX_OFFSET, read_cursor, row_id

from .models import Brand, Category, Product
from .operations import resolve_category
from .search import SearchRequest
from .search.backend import MAX_TEXT

PER_PAGE = 24
MAX_ATTRIBUTES, MAX_CHOICES = 10, 50
PARAMETER = r"^attr\.[a-z0-9_-]{1,64}$"
ATTRIBUTE = re.compile(PARAMETER.replace("$", r"\Z"))
SORTS = [
    ("relevance", "Relevance"),
    ("newest", "Newest"),
    ("price_asc", "Price, low to high"),
    ("price_desc", "Price, high to low"),
    ("rating_desc", "Best rated"),
    ("name_asc", "Name, A to Z"),
    ("name_desc", "Name, Z to A"),
]


# Django's own sentences for these say the same at greater length; a body's refusals are worded so already.
LIMITS = {
    "min_value": WORDS["greater_than_equal"].format(ge="%(limit_value)s"),
    "max_value": WORDS["less_than_equal"].format(le="%(limit_value)s"),
    "max_length": WORDS["string_too_long"].format(max_length="%(limit_value)d"),
}


class AmountField(forms.DecimalField):
    """An amount in the shop's currency; its value is in minor units."""

    def __init__(self, **kwargs: Any) -> None:
        texts = LIMITS | {"invalid": NUMBER, "max_digits": "Too large a number."}
        super().__init__(min_value=Decimal(0), max_digits=14, error_messages=texts, **kwargs)

    def clean(self, value: Any) -> Any:
        amount = super().clean(value)
        try:
            return None if amount is None else to_minor(amount, settings.SHOP_CURRENCY)
        except ValueError as error:
            raise forms.ValidationError(f"Not an amount in {settings.SHOP_CURRENCY}.") from error


class ValuesField(forms.Field):
    """A parameter that may come several times: `brand=a&brand=b`."""

    widget = forms.MultipleHiddenInput

    def clean(self, value: Any) -> list[str]:
        values = [text.strip() for text in value or [] if text.strip()]
        if len(values) > MAX_CHOICES or any(len(text) > 500 for text in values):
            raise forms.ValidationError(f"At most {MAX_CHOICES} values of 500 characters.")
        return values


class AmountFilter(Filter):
    field_class = AmountField


class ValuesFilter(Filter):
    field_class = ValuesField


class WholeFilter(Filter):
    field_class = forms.IntegerField

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(error_messages=LIMITS | {"invalid": WHOLE_NUMBER}, **kwargs)


class OneOfFilter(ChoiceFilter):
    """Whoever chose wrongly is told what there is."""

    def __init__(self, *, choices: Sequence[tuple[str, str]]) -> None:
        texts = {"invalid_choice": f"Must be one of: {', '.join(value for value, _ in choices)}."}
        super().__init__(choices=choices, error_messages=texts)


class YesFilter(OneOfFilter):
    """`true` or `false`, nothing else: a typo must not read as no."""

    def __init__(self) -> None:
        super().__init__(choices=[("true", "Yes"), ("false", "No")])


class SearchForm(forms.Form):
    def clean(self) -> dict[str, Any]:
        low, high = self.cleaned_data.get("minPrice"), self.cleaned_data.get("maxPrice")
        if low is not None and high is not None and low > high:
            self.add_error("minPrice", "Must not be above the highest price.")
        return self.cleaned_data

    def clean_category(self) -> Category | None:
        text = self.cleaned_data["category"]
        try:
            return resolve_category(text) if text else None
        except InvalidInput as error:
            raise forms.ValidationError(error.fields["category"]) from error


class ProductFilter(FilterSet):
    """Parameters carry the API's names on pages too."""

    q = CharFilter(max_length=MAX_TEXT, error_messages=LIMITS)
    category = CharFilter(max_length=500, error_messages=LIMITS)
    brand = ValuesFilter()
    minPrice = AmountFilter()
    maxPrice = AmountFilter()
    minRating = WholeFilter(min_value=1, max_value=5)
    inStock = YesFilter()
    onSale = YesFilter()
    sortBy = OneOfFilter(choices=SORTS)

    class Meta:
        model = Product
        fields: Sequence[str] = ()
        form = SearchForm

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data, queryset=Product.objects.none())
        self.attribute_names = sorted(name for name in data if ATTRIBUTE.match(name))[:MAX_ATTRIBUTES]
        for name in self.attribute_names:
            self.filters[name] = ValuesFilter()

    @property
    def values(self) -> dict[str, Any]:
        """What could be understood; an invalid value is absent."""
        self.form.is_valid()
        return self.form.cleaned_data

    def refuse_invalid(self) -> None:
        """Raises InvalidInput naming each parameter that is unknown or can't be accepted."""
        fields = {name: [str(text) for text in texts] for name, texts in self.form.errors.items()}
        fields |= {name: ["There is no such parameter."] for name in self.data if name not in self.filters}
        if fields:
            raise InvalidInput(fields=fields)

    @cached_property
    def brands(self) -> list[str]:
        """Slugs of the brands chosen by slug or name. An unknown one stays as it came and matches nothing."""
        chosen = self.values.get("brand", [])
        slugs = dict(Brand.objects.filter(name__in=chosen).values_list("name", "slug")) if chosen else {}
        return [slugs.get(name, name) for name in chosen]

    @property
    def attributes(self) -> dict[str, list[str]]:
        chosen = {name.removeprefix("attr."): self.values.get(name, []) for name in self.attribute_names}
        return {code: values for code, values in chosen.items() if values}

    def search_request(self, *, category: Category | None = None, **window: Any) -> SearchRequest:
        """`category` is the one whose page this is; a `category` parameter below it narrows it further."""
        values = self.values
        narrower: Category | None = values.get("category")
        if category is None or (narrower and narrower.is_descendant_of(category)):
            category = narrower
        return SearchRequest(
            text=values.get("q") or "",
            category=category,
            brands=self.brands,
            attributes=self.attributes,
            price_min=values.get("minPrice"),
            price_max=values.get("maxPrice"),
            rating_min=values.get("minRating"),
            in_stock=values.get("inStock") == "true",
            on_sale=values.get("onSale") == "true",
            sort=values.get("sortBy") or "relevance",
            **window,
        )


class ProductPageFilter(ProductFilter):
    page = WholeFilter(min_value=1, max_value=MAX_OFFSET // PER_PAGE + 1)

    def window(self) -> dict[str, Any]:
        number = self.values.get("page") or 1
        return {"offset": (number - 1) * PER_PAGE, "size": PER_PAGE, "facets": True}


class ProductListFilter(ProductFilter):
    limit = WholeFilter(min_value=1, max_value=MAX_LIMIT)
    offset = WholeFilter(min_value=0, max_value=MAX_OFFSET)
    cursor = CharFilter(max_length=MAX_CURSOR, error_messages=LIMITS)

    def window(self) -> dict[str, Any]:
        offset, limit = self.values.get("offset") or 0, self.values.get("limit") or DEFAULT_LIMIT
        return {"offset": offset, "size": limit, "facets": self.values.get("facets") == "true", "cursors": True}

    def search_request(self, *, category: Category | None = None, **window: Any) -> SearchRequest:
        request = super().search_request(category=category, **window)
        cursor = self.values.get("cursor")
        return behind_cursor(request, cursor) if cursor else request


def behind_cursor(request: SearchRequest, cursor: str) -> SearchRequest:
    """The same request for the page that the cursor names. Errors: InvalidInput."""
    place = read_cursor(cursor, sort=request.order, offset=request.offset)
    if not request.by_rank:
        return replace(request, offset=place.passed, after=[*place.values, row_id(Product.objects.all(), place.row)])
    if place.passed > MAX_OFFSET:
        text = f"The best {MAX_OFFSET} matches can be read. Narrow the search, or choose another sortBy to read on."
        raise InvalidInput(fields={"cursor": [text]})
    return replace(request, offset=place.passed)


class ProductSearchFilter(ProductListFilter):
    facets = YesFilter()


def openapi_parameters(filters: type[ProductFilter]) -> list[dict[str, Any]]:
    """The FilterSet's parameters for the API's description, read from its own fields."""
    named = [
        {"name": name, "in": "query", "required": False, "schema": _schema(filter_.field)}
        for name, filter_ in filters.base_filters.items()
    ]
    values = {"type": "array", "items": {"type": "string"}}
    # With `form` and `explode` each property is a parameter of its own name.
    free = {
        "name": "attributes",
        "in": "query",
        "required": False,
        "style": "form",
        "explode": True,
        "schema": {"type": "object", "patternProperties": {PARAMETER: values}, "additionalProperties": False},
        "example": {},
        "description": "Attribute filters, each repeatable: `attr.color=Teal&attr.color=Clay&attr.size=Large`.",
    }
    return [*named, free]


def _schema(field: forms.Field) -> dict[str, Any]:
    match field:
        case forms.ChoiceField():
            choices: Any = field.choices
            # A form sends its fields empty where nothing was chosen, and that counts as not sent.
            return {"type": "string", "enum": ["", *(value for value, _ in choices if value)]}
        case forms.DecimalField():
            return {"type": "number", "minimum": 0}
        case forms.IntegerField():
            return {"type": "integer", "minimum": field.min_value, "maximum": field.max_value}
        case ValuesField():
            return {"type": "array", "items": {"type": "string"}, "maxItems": MAX_CHOICES}
        case forms.CharField():
            return {"type": "string", "maxLength": field.max_length}
    raise TypeError(f"no schema for {type(field).__name__}")
