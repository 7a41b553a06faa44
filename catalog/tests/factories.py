"""Products for everybody's tests, written through the catalogue's own door so that every projection is right.

`VariantFactory(stock=5, price_minor=2400)` makes a variant that can be bought, with its product and category.
"""

from decimal import Decimal
from typing import Any

import factory
from django.db import transaction

from catalog import operations
from catalog.models import Brand, Category, Product, Variant
from inventory import operations as inventory
from pricing.models import Action, Phase, Promotion, TaxClass


class CategoryFactory(factory.django.DjangoModelFactory[Category]):
    """`CategoryFactory(name="Mugs", parent=table)`; without parent on the first level."""

    class Meta:
        model = Category

    name = factory.Sequence("Category {}".format)
    parent = None

    @classmethod
    def _create(cls, model_class: type[Category], *args: Any, **kwargs: Any) -> Category:
        parent, name = kwargs.pop("parent"), kwargs.pop("name")
        above = [*Category.objects.get_ancestors(parent), parent] if parent else []
        category = operations.make_category([*(node.name for node in above), name])
        if kwargs:
            Category.objects.filter(pk=category.pk).update(**kwargs)
            category.refresh_from_db()
        return category


class BrandFactory(factory.django.DjangoModelFactory[Brand]):
    class Meta:
        model = Brand

    name = factory.Sequence("Brand {}".format)
    slug = factory.Sequence("brand-{}".format)


class TaxClassFactory(factory.django.DjangoModelFactory[TaxClass]):
    class Meta:
        model = TaxClass
        django_get_or_create = ("code",)

    code = "standard"
    name = "Standard rate"


class ProductFactory(factory.django.DjangoModelFactory[Product]):
    """A product that nothing can be bought of yet; `VariantFactory(product=...)` gives it variants."""

    class Meta:
        model = Product

    name = factory.Sequence("Product {}".format)
    slug = factory.Sequence("product-{}".format)
    category = factory.SubFactory(CategoryFactory)
    tax_class = factory.SubFactory(TaxClassFactory)


class VariantFactory(factory.django.DjangoModelFactory[Variant]):
    """`stock` units lie on the shelf and the product's price and search text are right."""

    class Meta:
        model = Variant

    product = factory.SubFactory(ProductFactory)
    sku = factory.Sequence("SKU-{:05}".format)
    price_minor = 2400
    stock = 10

    @classmethod
    def _create(cls, model_class: type[Variant], *args: Any, **kwargs: Any) -> Variant:
        stock = kwargs.pop("stock")
        with transaction.atomic():
            variant = super()._create(model_class, *args, **kwargs)
            operations.refresh(variant.product)
            if stock:
                inventory.receive(variant.sku, stock, reason="test", actor="test")
        variant.product.refresh_from_db()
        return variant


class SaleFactory(factory.django.DjangoModelFactory[Promotion]):
    """A promotion that makes prices, of everything unless `targets` say what of. Nobody has applied it yet."""

    class Meta:
        model = Promotion

    name = "Autumn table"
    phase = Phase.CATALOGUE
    action = Action.PERCENT
    percent = Decimal(15)
