from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pydantic
from django import forms
from django.contrib.auth.password_validation import password_validators_help_texts
from pydantic.alias_generators import to_camel

from shop.api import Body, fields_of
from shop.errors import DomainError

from . import scopes
from .models import User
from .schemas import (
    MAX_PASSWORD_LENGTH,
    AddressBody,
    ProfileBody,
    RegisterBody,
    TokenBody,
    countries,
)


class OperationForm(forms.Form):
    """A form whose rules are those of the JSON body (`body_class`) and whose outcome is an operation's.

    So page and API refuse the same input, and an operation's refusal stands beside the field it is about.
    """

    body_class: ClassVar[type[Body] | None] = None
    body: Any
    refusal: DomainError | None = None

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.body_class:
            try:
                self.body = self.body_class.model_validate(data, by_name=True)
            except pydantic.ValidationError as error:
                told = {to_camel(name) for name in self.errors}
                found = fields_of([dict(each) for each in error.errors()])
                # A field that Django has refused already would only be told of twice.
                self.add_errors({name: texts for name, texts in found.items() if name not in told})
        return data

    @contextmanager
    def showing_refusals(self) -> Iterator[None]:
        """Around an operation: a refusal ends the block and is shown by the form."""
        try:
            yield
        except DomainError as error:
            self.refusal = error
            self.add_errors(error.fields or {"": [error.text]})

    def add_errors(self, errors: dict[str, list[str]]) -> None:
        """Errors under a field's own or JSON name; one that is about no field of the form stands above it."""
        own = {to_camel(name): name for name in self.fields} | {name: name for name in self.fields}
        for name, texts in errors.items():
            for text in texts:
                self.add_error(own.get(name), text)


def email_field() -> forms.EmailField:
    return forms.EmailField(
        max_length=254,
        error_messages={"required": "Enter your email."},
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autocapitalize": "none"}),
    )


def line(label: str, autocomplete: str, max_length: int, *, required: bool = False, **attrs: str) -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": autocomplete, **attrs})
    return forms.CharField(
        label=label if required else f"{label} (optional)",
        max_length=max_length,
        required=required,
        error_messages={"required": f"Enter your {label.lower()}."},
        widget=widget,
    )


def phone_field() -> forms.CharField:
    widget = forms.TextInput(attrs={"type": "tel", "autocomplete": "tel", "inputmode": "tel"})
    return forms.CharField(label="Phone (optional)", max_length=40, required=False, widget=widget)


def password_field(label: str = "Password", *, new: bool = False, required: bool = True) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=required,
        error_messages={"required": f"Enter your {label.lower()}."},
        strip=False,
        max_length=MAX_PASSWORD_LENGTH,
        help_text=" ".join(password_validators_help_texts()) if new else "",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password" if new else "current-password"}),
    )


class LoginForm(OperationForm):
    email = email_field()
    password = password_field()


class RegisterForm(OperationForm):
    body_class = RegisterBody

    email = email_field()
    password = password_field(new=True)
    first_name = line("First name", "given-name", 100)
    last_name = line("Last name", "family-name", 100)
    phone = phone_field()


class ProfileForm(OperationForm):
    body_class = ProfileBody

    first_name = line("First name", "given-name", 100)
    last_name = line("Last name", "family-name", 100)
    phone = phone_field()
    email = email_field()
    current_password = password_field("Current password, to change the email address", required=False)


class AddressForm(OperationForm):
    body_class = AddressBody

    full_name = line("Full name", "name", 200, required=True)
    line1 = line("Address", "address-line1", 200, required=True)
    line2 = line("Address, second line", "address-line2", 200)
    # Required where the country's post needs it: see `AddressBody`.
    postal_code = forms.CharField(
        max_length=20, required=False, widget=forms.TextInput(attrs={"autocomplete": "postal-code"})
    )
    city = line("City", "address-level2", 120, required=True)
    region = line("State or region", "address-level1", 120)
    country = forms.ChoiceField(
        choices=lambda: list(countries().items()), widget=forms.Select(attrs={"autocomplete": "country"})
    )
    phone = phone_field()


class PasswordChangeForm(OperationForm):
    current_password = password_field("Current password")
    password = password_field("New password", new=True)


class PasswordResetForm(OperationForm):
    email = email_field()


class NewPasswordForm(OperationForm):
    password = password_field("New password", new=True)


def code_field(label: str, *, required: bool = True, help_text: str = "") -> forms.CharField:
    attrs = {"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"}
    return forms.CharField(
        label=label,
        required=required,
        max_length=40,
        help_text=help_text,
        error_messages={"required": "Enter the code."},
        widget=forms.TextInput(attrs=attrs),
    )


def passkey_answer_field(*, required: bool = False) -> forms.CharField:
    """What the browser's passkey signed, as JSON; filled in by script."""
    return forms.CharField(
        required=required,
        max_length=16_000,
        error_messages={"required": "Your browser made no passkey."},
        widget=forms.HiddenInput,
    )


class SecondStepForm(OperationForm):
    otp = code_field("Code", required=False, help_text="From your authenticator app, or one of your recovery codes.")
    credential = passkey_answer_field()

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        if "otp" in self.fields and not (data.get("otp") or data.get("credential")):
            self.add_error("otp", "Enter the code.")
        return data


class ConfirmForm(SecondStepForm):
    field_order = ("current_password", "otp", "credential")

    current_password = password_field("Your password")

    def __init__(self, *args: Any, with_factor: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not with_factor:
            del self.fields["otp"], self.fields["credential"]


class EnrolAppForm(OperationForm):
    code = code_field("Code from the app")

    def add_errors(self, errors: dict[str, list[str]]) -> None:
        super().add_errors({"code" if name == "otp" else name: texts for name, texts in errors.items()})


def passkey_name_field() -> forms.CharField:
    return forms.CharField(
        label="Name",
        max_length=60,
        help_text="So that you know it again, such as the name of the device.",
        error_messages={"required": "Give it a name."},
    )


class NewPasskeyForm(OperationForm):
    name = passkey_name_field()
    credential = passkey_answer_field(required=True)


class EraseForm(OperationForm):
    email = email_field()

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.own_email = email
        self.fields["email"].label = "Type your email address to confirm"
        self.fields["email"].widget.attrs["autocomplete"] = "off"

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"])
        if User.normalize_username(email) != self.own_email:
            raise forms.ValidationError(f"That is not the address of this account, {self.own_email}.")
        return email


class PasskeyNameForm(OperationForm):
    name = passkey_name_field()


class PasskeyForm(OperationForm):
    credential = passkey_answer_field(required=True)

    def answer(self) -> str:
        """Empty for what no browser sends; an empty answer is refused like any that is wrong."""
        return self.cleaned_data["credential"] if self.is_valid() else ""


class VerifyEmailForm(OperationForm):
    password = password_field("Your password")


class SendVerificationForm(OperationForm):
    email = email_field()


class TokenForm(OperationForm):
    body_class = TokenBody

    name = forms.CharField(
        label="What is it for?",
        max_length=100,
        error_messages={"required": "Say what it is for."},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label="What may it do?",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one."},
    )
    expires_in_days = forms.TypedChoiceField(
        label="It ends after",
        choices=[(7, "7 days"), (30, "30 days"), (90, "90 days"), (365, "a year")],
        coerce=int,
        initial=30,
    )

    def __init__(self, *args: Any, for_staff: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = (*(scopes.SCOPES if for_staff else scopes.OF_SHOPPERS), scopes.EVERYTHING)
        field = self.fields["scopes"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(scope, f"{scopes.in_words(scope)} ({scope})") for scope in offered]
