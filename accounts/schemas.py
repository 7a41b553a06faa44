import re
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_core import ValidationError as InvalidBody

from shop.api import Answer, Body
from shop.countries import countries

from . import postal_codes
from .models import Address, ApiToken, BrowserSession, User
from .scopes import EVERYTHING, SCOPES

MAX_ADDRESSES = 50
MAX_PASSWORD_LENGTH = 200

# Line breaks would let a name write mail headers, direction overrides would let it pose as another one.
NOT_IN_A_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

NEEDS_POSTAL_CODE = "This country's post needs a postal code."

# fmt: off
WITHOUT_POSTAL_CODE = frozenset({
    "AE", "AG", "AO", "AW", "BF", "BI", "BJ", "BO", "BQ", "BS", "BW", "BZ", "CD", "CF", "CG", "CI", "CK", "CM",
    "CW", "DJ", "DM", "ER", "FJ", "GA", "GD", "GH", "GM", "GN", "GQ", "GY", "HK", "IE", "JM", "KI", "KM", "KN",
    "KP", "LY", "ML", "MO", "MR", "MW", "NR", "NU", "PA", "QA", "RW", "SB", "SC", "SL", "SR", "SS", "ST", "SX",
    "SY", "TD", "TF", "TG", "TK", "TL", "TO", "TV", "UG", "VU", "WS", "YE", "ZW",
})
# fmt: on


def one_line(value: str) -> str:
    if NOT_IN_A_LINE.search(value):
        raise ValueError("Contains characters that can't be used here.")
    return value


def clean_email(value: str) -> str:
    """One address in its one spelling. Raises ValueError for anything else, lists and line breaks included."""
    email = User.normalize_username(one_line(value))
    try:
        validate_email(email)
    except ValidationError as error:
        raise ValueError("Enter a valid email address.") from error
    if len(email) > 254 or any(character in email for character in '"[],; '):
        raise ValueError("Enter a valid email address.")
    return email


def known_country(value: str) -> str:
    code = value.upper()
    if code not in countries():
        raise ValueError("Must be a country's two-letter code (ISO 3166).")
    return code


def refusal(texts: Iterable[str], *, name: str = "") -> InvalidBody:
    """Several texts about what is being validated, or about its part `name`, which ValueError could not say."""
    location = (name,) if name else ()
    reasons = [PydanticCustomError("value_error", "{text}", {"text": text}) for text in texts]
    details = [InitErrorDetails(type=reason, loc=location, input="") for reason in reasons]
    return InvalidBody.from_exception_data("refusal", details)


Email = Annotated[str, Field(max_length=254), AfterValidator(clean_email)]
Name = Annotated[str, Field(max_length=100), AfterValidator(one_line)]
Phone = Annotated[str, Field(max_length=40), AfterValidator(one_line)]
# Spaces at a password's ends belong to it.
Password = Annotated[str, StringConstraints(strip_whitespace=False, min_length=1, max_length=MAX_PASSWORD_LENGTH)]
# Of an authenticator app, or a recovery code as it was shown.
OneTimeCode = Annotated[str, Field(max_length=40)]
Street = Annotated[str, Field(max_length=200), AfterValidator(one_line)]
Place = Annotated[str, Field(max_length=120), AfterValidator(one_line)]


class AddressBody(Body):
    """A postal address. The rules of every address form and of every address in a JSON body."""

    full_name: Annotated[Street, Field(min_length=1)]
    line1: Annotated[Street, Field(min_length=1)]
    line2: Street = ""
    city: Annotated[Place, Field(min_length=1)]
    region: Place = ""
    country: Annotated[str, AfterValidator(known_country)]
    postal_code: Annotated[str, Field(max_length=20), AfterValidator(one_line)] = ""
    phone: Phone = ""

    @field_validator("postal_code")
    @classmethod
    def fits_its_country(cls, value: str, info: ValidationInfo) -> str:
        country = info.data.get("country")
        if not value and country and country not in WITHOUT_POSTAL_CODE:
            raise ValueError(NEEDS_POSTAL_CODE)
        if value and country and not postal_codes.looks_right(value, country):
            raise ValueError(f"Not a postal code of {countries()[country]}.")
        return value

    @model_validator(mode="after")
    def required_where_it_was_left_out(self) -> Self:
        """`validate_default` would blame `postal_code`, a name that no sender knows."""
        if not self.postal_code and self.country not in WITHOUT_POSTAL_CODE:
            raise refusal([NEEDS_POSTAL_CODE], name="postalCode")
        return self


class AddressAnswer(Answer):
    full_name: str
    line1: str
    line2: str
    city: str
    region: str
    postal_code: str
    country: str
    phone: str

    @classmethod
    def of(cls, address: Address) -> Self:
        return cls(**{name: getattr(address, name) for name in cls.model_fields})


class UserAnswer(Answer):
    user_id: str
    email: str
    first_name: str
    last_name: str
    phone: str
    addresses: list[AddressAnswer]
    is_active: bool
    email_verified: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, user: User, addresses: Iterable[Address]) -> Self:
        return cls(
            user_id=user.public_id,
            email=user.email,
            first_name=user.first_name,
            last_name=user.last_name,
            phone=user.phone,
            addresses=[AddressAnswer.of(address) for address in addresses],
            is_active=user.is_active,
            email_verified=user.is_email_verified,
            created_at=user.created_at,
            updated_at=user.updated_at,
        )


class RegisterBody(Body):
    email: Email
    password: Password
    first_name: Name = ""
    last_name: Name = ""
    phone: Phone = ""

    @field_validator("password")
    @classmethod
    def not_easily_guessed(cls, value: str) -> str:
        """Asked here too, so that it is named beside a bad address; `register` compares it with the person."""
        try:
            validate_password(value)
        except ValidationError as error:
            raise refusal(error.messages) from error
        return value


class RegisteredAnswer(Answer):
    user_id: str
    email: str
    first_name: str
    last_name: str
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> Self:
        return cls(
            user_id=user.public_id,
            email=user.email,
            first_name=user.first_name,
            last_name=user.last_name,
            created_at=user.created_at,
        )


class LoginBody(Body):
    """An address that nobody can have is a wrong one, not a bad request: both answers must look alike."""

    email: Annotated[str, Field(max_length=254)]
    password: Password
    cart_id: Annotated[str, Field(max_length=40)] = ""
    otp: OneTimeCode = ""


class EraseBody(Body):
    current_password: Password
    otp: OneTimeCode = ""


class LoginAnswer(Answer):
    token: str
    expires_at: datetime
    user: UserAnswer


class VerifyEmailBody(Body):
    """`password` is the account's; who is signed in to it needs none."""

    token: Annotated[str, Field(min_length=1, max_length=300)]
    password: Annotated[str, StringConstraints(strip_whitespace=False, max_length=MAX_PASSWORD_LENGTH)] = ""


class SendVerificationBody(Body):
    email: Annotated[str, Field(max_length=254)]


class RegistrationAccepted(Answer):
    """The same for every address: whether it has an account is its owner's to know."""

    email: str
    verification: Literal["sent"] = "sent"


class TokenBody(Body):
    name: Annotated[str, Field(min_length=1, max_length=100), AfterValidator(one_line)]
    scopes: Annotated[list[str], Field(min_length=1, max_length=40)]
    expires_in_days: Literal[7, 30, 90, 365] = 30

    @field_validator("name")
    @classmethod
    def not_a_sign_in(cls, value: str) -> str:
        if value.lower() == ApiToken.SIGN_IN:
            raise ValueError("Sign-ins have this name. Choose another one.")
        return value

    @field_validator("scopes")
    @classmethod
    def known(cls, value: list[str]) -> list[str]:
        if unknown := sorted(set(value) - {*SCOPES, EVERYTHING}):
            raise ValueError(f"No such scope: {unknown[0][:40]}. Known are {', '.join(SCOPES)} and {EVERYTHING}.")
        return sorted(set(value))


class TokenAnswer(Answer):
    token_id: str
    name: str
    hint: str
    scopes: list[str]
    is_current: bool
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime

    @classmethod
    def of(cls, row: ApiToken, **more: Any) -> Self:
        names = ("name", "hint", "scopes", "created_at", "last_used_at", "expires_at")
        return cls(token_id=row.public_id, **{name: getattr(row, name) for name in names}, **more)


class NewTokenAnswer(TokenAnswer):
    """`token` is the secret, shown this once."""

    token: str


class SessionAnswer(Answer):
    session_id: str
    device: str
    address: str
    is_current: bool
    created_at: datetime
    last_seen_at: datetime

    @classmethod
    def of(cls, session: BrowserSession, *, is_current: bool) -> Self:
        names = ("device", "address", "created_at", "last_seen_at")
        own = {name: getattr(session, name) for name in names}
        return cls(session_id=session.public_id, is_current=is_current, **own)


class ProfileBody(Body):
    """What is absent stays as it is; `addresses` replaces the whole list. A changed `email` needs `currentPassword`."""

    email: Email = ""
    first_name: Name = ""
    last_name: Name = ""
    phone: Phone = ""
    addresses: Annotated[list[AddressBody], Field(max_length=MAX_ADDRESSES)] = []
    current_password: Annotated[str, StringConstraints(strip_whitespace=False, max_length=MAX_PASSWORD_LENGTH)] = ""

    # GET returns these and nobody may set them: a read can be sent back as it is.
    user_id: Any = None
    is_active: Any = None
    email_verified: Any = None
    created_at: Any = None
    updated_at: Any = None

    def changes(self) -> dict[str, Any]:
        """The named fields, as `update_profile` takes them."""
        names = self.model_fields_set - {"user_id", "is_active", "email_verified", "created_at", "updated_at"}
        return {name: getattr(self, name) for name in names}
