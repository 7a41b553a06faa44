from typing import Any

from django import forms
from django.conf import settings
from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from accounts.schemas import AddressBody, clean_email
from cart.queries import served_countries
from orders.models import Order
from payments.queries import available_methods
from shipping.queries import is_served
from shop.api import fields_of
from shop.countries import countries


def line(
    label: str, autocomplete: str, *, max_length: int = 200, required: bool = True, **attrs: str
) -> forms.CharField:
    return forms.CharField(
        label=label if required else f"{label} (optional)",
        max_length=max_length,
        required=required,
        error_messages={"required": f"Enter your {label.lower()}."},
        widget=forms.TextInput(attrs={"autocomplete": autocomplete, **attrs}),
    )


class CountryField(forms.ChoiceField):
    """Offers where we deliver; a country beside it is refused by its name."""

    def refusal(self, code: str) -> str:
        name = countries().get(code)
        return f"We don't deliver to {name} yet." if name and not self.valid_value(code) else ""

    def validate(self, value: Any) -> None:
        if refusal := self.refusal(str(value)):
            raise forms.ValidationError(refusal)
        super().validate(value)


class ContactForm(forms.Form):
    """Who buys and where it goes: one page, nine fields."""

    email = line("Email", "email", max_length=254, type="email", inputmode="email")
    full_name = line("Full name", "name")
    line1 = line("Street and number", "address-line1")
    line2 = line("Second address line", "address-line2", required=False)
    # Required where the country's post needs it: see `AddressBody`.
    postal_code = forms.CharField(
        max_length=20, required=False, widget=forms.TextInput(attrs={"autocomplete": "postal-code"})
    )
    city = line("City", "address-level2", max_length=120)
    region = line("State or region", "address-level1", max_length=120, required=False)
    country = CountryField(widget=forms.Select(attrs={"autocomplete": "country"}))
    phone = line("Phone for the courier", "tel", max_length=40, required=False, type="tel", inputmode="tel")

    ADDRESS = ("full_name", "line1", "line2", "postal_code", "city", "region", "country", "phone")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        country = self.fields["country"]
        assert isinstance(country, CountryField)
        country.choices = served_countries()
        country.initial = settings.SHOP_COUNTRY
        if refusal := country.refusal(str(self.initial.get("country", ""))):
            country.help_text = refusal

    def clean_email(self) -> str:
        try:
            return clean_email(self.cleaned_data["email"])
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error

    def clean(self) -> dict[str, Any]:
        """The rules of an address are those of the JSON body, stated once."""
        cleaned = super().clean() or {}
        given = {name: cleaned.get(name, "") for name in self.ADDRESS}
        try:
            cleaned["address"] = AddressBody.model_validate(given, by_name=True).model_dump()
        except ValidationError as error:
            for name, texts in fields_of([dict(found) for found in error.errors()]).items():
                field = next((field for field in self.ADDRESS if name in {field, to_camel(field)}), None)
                if field not in self.errors:
                    self.add_error(field, texts)
        else:
            if not self.errors and not is_served(given["country"], given["region"], given["postal_code"]):
                self.add_error("postal_code", "We don't deliver to this postal code yet.")
        return cleaned


class EditForm(ContactForm):
    """An order as it is, to be made another: how many of each article, perhaps a new one, and where it goes."""

    email = None  # type: ignore[assignment]
    sku = forms.CharField(label="Article number of something else (optional)", max_length=64, required=False)
    shown_difference = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, order: Order, **kwargs: Any) -> None:
        super().__init__(*args, initial={"phone": ""} | order.shipping_address, **kwargs)
        self.lines = {f"quantity_{line.public_id}": line for line in order.lines.all() if line.wanted}
        for name, line in self.lines.items():
            most = max(line.wanted, settings.SHOP_MAX_QUANTITY) if order.is_open_for_payment else line.wanted
            self.fields[name] = forms.IntegerField(
                label=line.name, min_value=0, max_value=most, initial=line.wanted, help_text="0 takes it off."
            )
        if not order.is_open_for_payment:
            del self.fields["sku"]
        names = ["shown_difference", *self.lines, "sku", *self.ADDRESS]
        self.order_fields(names)

    @property
    def articles(self) -> list[forms.BoundField]:
        return [self[name] for name in [*self.lines, "sku"] if name in self.fields]

    @property
    def place(self) -> list[forms.BoundField]:
        return [self[name] for name in self.ADDRESS]

    @property
    def quantities(self) -> dict[str, int]:
        """By SKU, of what was entered."""
        wanted = {line.sku: self.cleaned_data[name] for name, line in self.lines.items()}
        new = self.cleaned_data.get("sku", "").strip()
        return {new: 1} | wanted if new else wanted


class DeliveryForm(forms.Form):
    shipping_method = forms.ChoiceField(error_messages={"required": "Choose a way of delivery."})

    def __init__(self, *args: Any, codes: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["shipping_method"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(code, code) for code in codes]


class ReviewForm(forms.Form):
    """`shown_total` is what the buyer agrees to, `key` the one wish to order that this page stands for."""

    payment_method = forms.ChoiceField(
        choices=available_methods,
        initial=lambda: available_methods()[0][0],
        widget=forms.RadioSelect,
        error_messages={"required": "Choose a way to pay."},
    )
    shown_total = forms.IntegerField(widget=forms.HiddenInput, min_value=0)
    key = forms.RegexField(r"\A\w{20,60}\Z", widget=forms.HiddenInput)
