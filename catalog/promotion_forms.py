"""Promotions as staff type them: what they are for by name, amounts with decimals, what doesn't fit told in words."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.db.models import Count
from django.utils import timezone
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectMultipleWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextInputWidget,
)

from pricing.models import ACTIONS, Action, Coupon, Phase, Promotion, PromotionUse
from pricing.operations import Customer, count_anew, customer_key
from shop.countries import countries
from shop.forms import AmountField, CountriesField, WordsField

from .models import Brand, Category, Product, Variant

MAX_CODES = 10_000
# What a price tag can't ask: who looks at it, and what else is in the bag.
NOT_ON_A_PRICE_TAG = (
    "needs_coupon", "new_customers_only", "countries", "min_goods_minor", "min_quantity", "usage_limit",
    "usage_limit_per_customer",
)  # fmt: skip


# --- What it is for


class ArticlesField(WordsField):
    """Articles by SKU, products by the last part of their page's address. Kept as a promotion's targets."""

    def shown(self, values: list[str]) -> Iterable[str]:
        ids = [target.removeprefix("product:") for target in values if target.startswith("product:")]
        slugs = dict(Product.objects.filter(public_id__in=ids).values_list("public_id", "slug"))
        for target in values:
            kind, _, value = target.partition(":")
            yield slugs.get(value, value) if kind == "product" else value

    def clean(self, value: Any) -> Any:
        words = super().clean(value)
        skus = set(Variant.objects.filter(sku__in=words).values_list("sku", flat=True))
        products = Product.objects.filter(slug__in=words).values_list("slug", "public_id")
        known = {slug: f"product:{public_id}" for slug, public_id in products} | {sku: f"sku:{sku}" for sku in skus}
        known |= dict(Product.objects.filter(public_id__in=words).values_list("public_id", "public_id"))
        if unknown := [word for word in words if word not in known]:
            raise forms.ValidationError(f"“{unknown[0]}” is neither a SKU nor the address of a product.")
        return [known[word] if ":" in known[word] else f"product:{word}" for word in words]


class TagsField(forms.MultipleChoiceField):
    """Rows of one kind, chosen by name. Kept as a promotion's targets."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=UnfoldAdminSelectMultipleWidget(attrs={"size": 6}), **kwargs)


def categories() -> list[tuple[str, str]]:
    rows = Category.objects.order_by("path")
    return [(f"category:{row.url_path}", f"{'– ' * (row.depth - 1)}{row.name}") for row in rows]


def brands() -> list[tuple[str, str]]:
    return [(f"brand:{row.slug}", row.name) for row in Brand.objects.all()]


SEVERAL = "Hold Ctrl to choose several."
ARTICLES = "One per line: the SKU of an article, or a product's address, like harbour-mug."


class PromotionForm(forms.ModelForm):
    amount_minor = AmountField(label="Amount", required=False, help_text="Off each piece, off the order, or the price.")
    min_goods_minor = AmountField(label="Goods of at least", required=False, help_text="Of those that it is for.")
    countries = CountriesField(required=False, help_text="One per line, by name or code. Empty: anywhere.")
    categories = TagsField(help_text=f"With everything below them. {SEVERAL}")
    brands = TagsField(help_text=SEVERAL)
    articles = ArticlesField(required=False, label="Products and articles", help_text=ARTICLES)
    excluded_categories = TagsField(label="Categories", help_text=SEVERAL)
    excluded_brands = TagsField(label="Brands", help_text=SEVERAL)
    excluded_articles = ArticlesField(required=False, label="Products and articles", help_text=ARTICLES)
    combines_with = forms.MultipleChoiceField(
        label="Can be used together with promotions of",
        choices=[choice for choice in Phase.choices if choice[0] != Phase.CATALOGUE],
        required=False,
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
        initial=list(Phase.values),
        help_text="Of two promotions each must allow the other.",
    )

    class Meta:
        model = Promotion
        fields = (
            "name", "phase", "action", "percent", "amount_minor", "buy_quantity", "get_quantity",
            "excludes_sale_items", "min_goods_minor", "min_quantity", "countries", "new_customers_only",
            "needs_coupon", "is_active", "starts_at", "ends_at", "usage_limit", "usage_limit_per_customer",
            "priority", "exclusive_group", "combines_with",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        promotion = self.instance
        if promotion.percent is not None:
            self.initial["percent"] = f"{promotion.percent.normalize():f}"
        for prefix, targets in (("", promotion.targets), ("excluded_", promotion.excluded_targets)):
            for kind, choices in (("categories", categories()), ("brands", brands())):
                if field := self.fields.get(f"{prefix}{kind}"):
                    assert isinstance(field, TagsField)
                    # What it names and is no more stays, until somebody takes it out.
                    field.choices = choices + [(tag, tag) for tag in _of(kind, targets) if tag not in dict(choices)]
                    self.initial[f"{prefix}{kind}"] = _of(kind, targets)
            self.initial[f"{prefix}articles"] = _of("articles", targets)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        values["min_goods_minor"] = values.get("min_goods_minor") or 0
        values["combines_with"] = [*values.get("combines_with", []), Phase.CATALOGUE.value]
        self._check_action(values)
        if values.get("phase") == Phase.CATALOGUE:
            for name in NOT_ON_A_PRICE_TAG:
                if values.get(name):
                    self.add_error(name, "A price in the shop is the same for everybody: take this out.")
        starts, ends = values.get("starts_at"), values.get("ends_at")
        if starts and ends and ends <= starts:
            self.add_error("ends_at", "Must be after the start.")
        if self.instance.pk:
            self._check_limits(values)
        return values

    def _check_action(self, values: dict[str, Any]) -> None:
        action, phase = values.get("action"), values.get("phase")
        if not action or not phase:
            return
        if action not in ACTIONS[Phase(phase)]:
            possible = ", ".join(each.label for each in ACTIONS[Phase(phase)])
            self.add_error("action", f"{Phase(phase).label} can have: {possible}.")
        elif action == Action.PERCENT and not values.get("percent"):
            self.add_error("percent", "Say how many percent.")
        elif action == Action.PERCENT and values["percent"] > 100:
            self.add_error("percent", "At most 100.")
        elif action == Action.AMOUNT and not values.get("amount_minor"):
            self.add_error("amount_minor", "Say how much.")
        elif action == Action.FIXED_PRICE and values.get("amount_minor") is None:
            self.add_error("amount_minor", "Say the price.")
        elif action == Action.BUY_X_GET_Y:
            for name in ("buy_quantity", "get_quantity"):
                if not values.get(name):
                    self.add_error(name, "At least 1.")

    def _check_limits(self, values: dict[str, Any]) -> None:
        """Counts its uses anew, and keeps orders from using it until the form is saved."""
        self.instance.used = count_anew(self.instance)
        limit, each = values.get("usage_limit"), values.get("usage_limit_per_customer")
        if values.get("new_customers_only"):
            each = 1
        if limit is not None and limit < self.instance.used:
            self.add_error("usage_limit", f"{self.instance.used} orders have used it already.")
        if each is not None and most_by_one(self.instance) > each:
            name = "new_customers_only" if values.get("new_customers_only") else "usage_limit_per_customer"
            self.add_error(name, "Somebody has used it more often. End this promotion and begin another one.")

    def save(self, commit: bool = True) -> Any:
        given = self.cleaned_data
        for name, prefix in (("targets", ""), ("excluded_targets", "excluded_")):
            chosen = [given.get(f"{prefix}{kind}") or [] for kind in ("categories", "brands", "articles")]
            setattr(self.instance, name, [tag for tags in chosen for tag in tags])
        return super().save(commit)


KINDS = {"categories": ("category:",), "brands": ("brand:",), "articles": ("product:", "sku:")}


def _of(kind: str, targets: list[str]) -> list[str]:
    return [target for target in targets if target.startswith(KINDS[kind])]


def most_by_one(row: Promotion | Coupon) -> int:
    """How often the one who used it most has."""
    uses = row.uses.filter(state=PromotionUse.State.CLAIMED).values("customer")
    return max(uses.annotate(times=Count("pk")).values_list("times", flat=True), default=0)


# --- Codes


class CouponForm(forms.ModelForm):
    class Meta:
        model = Coupon
        fields = ("promotion", "code", "is_active", "starts_at", "ends_at", "usage_limit", "usage_limit_per_customer")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "promotion" in self.fields:
            field = self.fields["promotion"]
            assert isinstance(field, forms.ModelChoiceField)
            field.queryset = Promotion.objects.filter(needs_coupon=True)
            field.help_text = "Promotions that are only had with a code."

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if taken := Coupon.objects.filter(folded=Coupon.fold(code)).exclude(pk=self.instance.pk).first():
            raise forms.ValidationError(f"The code {taken.code} is there already; shoppers could not tell them apart.")
        return code

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        starts, ends = values.get("starts_at"), values.get("ends_at")
        if starts and ends and ends <= starts:
            self.add_error("ends_at", "Must be after the start.")
        if self.instance.pk:
            self._check_limits(values)
        return values

    def _check_limits(self, values: dict[str, Any]) -> None:
        """Against the row as it is now, kept from orders until the form is saved."""
        used = Coupon.objects.select_for_update(no_key=True).get(pk=self.instance.pk).used
        limit, each = values.get("usage_limit"), values.get("usage_limit_per_customer")
        if limit is not None and limit < used:
            self.add_error("usage_limit", f"{used} orders have used it already.")
        if each is not None and most_by_one(self.instance) > each:
            self.add_error("usage_limit_per_customer", "Somebody has used it more often. Make another code.")


class CodesForm(forms.Form):
    """Many codes at once, each its own."""

    count = forms.IntegerField(
        label="How many", min_value=1, max_value=MAX_CODES, initial=10, widget=UnfoldAdminIntegerFieldWidget
    )
    usage_limit = forms.IntegerField(
        label="Orders for each code",
        min_value=1,
        max_value=10**6,
        initial=1,
        required=False,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="Empty: no limit.",
    )


# --- Simulator


class BagField(WordsField):
    """Articles by SKU with how many of each: `MUG-T 2`. Without a number it is one."""

    def clean(self, value: Any) -> Any:
        bag: dict[str, int] = {}
        for line in super().clean(value):
            sku, _, number = line.rpartition(" ")
            if not sku or not number.lstrip("x×").isdecimal():
                sku, number = line, "1"
            quantity = int(number.lstrip("x×"))
            if not 1 <= quantity <= settings.SHOP_MAX_QUANTITY:
                raise forms.ValidationError(f"{sku}: from 1 to {settings.SHOP_MAX_QUANTITY} pieces.")
            bag[sku] = min(bag.get(sku, 0) + quantity, settings.SHOP_MAX_QUANTITY)
        known = set(Variant.objects.filter(sku__in=bag).values_list("sku", flat=True))
        if unknown := [sku for sku in bag if sku not in known]:
            raise forms.ValidationError(f"There is no article {unknown[0]}.")
        return bag


class TryForm(forms.Form):
    bag = BagField(label="Articles", help_text="One per line: the SKU and how many, like MUG-T 2.")
    codes = WordsField(required=False, help_text="Codes that the shopper enters, one per line.")
    country = forms.ChoiceField(label="Delivered to", widget=UnfoldAdminSelectWidget)
    delivery_minor = AmountField(label="Delivery costs", required=False)
    buyer = forms.ChoiceField(
        label="Who buys",
        choices=[("", "Not known yet"), ("new", "Somebody who has never ordered"), ("known", "Somebody who has")],
        required=False,
        widget=UnfoldAdminSelectWidget,
    )
    email = forms.EmailField(
        label="Their e-mail address",
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="To count what they have used already.",
    )
    at = forms.SplitDateTimeField(
        label="When",
        required=False,
        widget=UnfoldAdminSplitDateTimeWidget,
        help_text="Empty: now. Prices are today's.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        country = self.fields["country"]
        assert isinstance(country, forms.ChoiceField)
        country.choices = list(countries().items())
        country.initial = settings.SHOP_COUNTRY

    @property
    def customer(self) -> Customer:
        email, buyer = self.cleaned_data["email"], self.cleaned_data["buyer"]
        return Customer(customer_key(email) if email else "", {"new": True, "known": False}.get(buyer))

    @property
    def moment(self) -> datetime:
        return self.cleaned_data["at"] or timezone.now()
