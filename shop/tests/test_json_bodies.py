"""What `json.loads` lets pass and we do not. The cart's door stands for every endpoint: all share one parser."""

from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from django.test import Client
from pydantic import Field, TypeAdapter, ValidationError

from shop.api import Body, Line, Price, Quantity, Text, fields_of

pytestmark = pytest.mark.django_db
PATH = "/api/cart/me/items"


def post(body: bytes | str, content_type: str = "application/json") -> Any:
    return Client().generic("POST", PATH, body, content_type=content_type)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b'{"sku": "a"} trailing',
        b'{"sku": NaN}',
        b'{"quantity": Infinity, "sku": "a"}',
        b'{"sku": "a", "sku": "b"}',
        b'{"sku": "a\\u0000"}',
        b'{"\\u0000": "a"}',
        b'{"sku": "\\ud800"}',
        b'{"sku": ["\\udfff"]}',
        b'{"sku": "\xff"}',
        b"\xef\xbb\xbf{}",
        '{"sku": "a"}'.encode("utf-16"),
        b'{"quantity": 1e999999999999999999999999}',
        b'{"quantity": ' + b"9" * 5000 + b"}",
        b'{"sku": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
        b'{"__proto__": {}, "sku": "a"}',
        b"[]",
        b"null",
        b'"sku"',
        b"1",
    ],
    ids=lambda body: body[:24],
)
def test_a_broken_body_is_400_in_our_shape(body: bytes) -> None:
    response = post(body)
    assert response.status_code == 400
    answer = response.json()
    assert answer["success"] is False
    assert answer["code"] in {"invalid_json", "invalid_input"}
    assert answer["requestId"] == response["X-Request-Id"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_another_type_is_415(content_type: str) -> None:
    response = post('{"sku": "a"}', content_type)
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(("path", "size", "status"), [(PATH, 70_000, 413), ("/api/products", 1_100_000, 413)])
def test_a_body_over_its_limit_is_413(path: str, size: int, status: int, admin_browser: Client) -> None:
    body = b'{"sku": "' + b"a" * size + b'"}'
    response = admin_browser.generic("POST", path, body, content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (status, "too_large")


def test_products_may_be_larger(admin_browser: Client) -> None:
    body = b'{"name": "' + b"a" * 70_000 + b'"}'
    response = admin_browser.generic("POST", "/api/products", body, content_type="application/json")
    assert response.status_code == 400


@pytest.mark.parametrize("value", ["Ada", "Zoë", "a\u00a0b", "👩‍👩‍👧", "שלום", ""])
def test_a_line_of_any_script_passes(value: str) -> None:
    assert TypeAdapter(Line).validate_python(value) == value


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\tb", "a\x00b", "a\x1bb", "a\x7fb", "x" * 201])
def test_a_line_is_one_line(value: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Line).validate_python(value)


def test_a_text_has_line_breaks_and_no_other_control_characters() -> None:
    assert TypeAdapter(Text).validate_python("a\r\n\tb")
    with pytest.raises(ValidationError):
        TypeAdapter(Text).validate_python("a\n\x07b")


@pytest.mark.parametrize("value", [Decimal("199.99"), 5, 5.5, 0])
def test_a_price_is_a_number(value: Any) -> None:
    assert TypeAdapter(Price).validate_python(value) == Decimal(str(value))


@pytest.mark.parametrize(
    "value", [-1, Decimal("0.001"), "199.99", "199.99 ", True, None, 1e308, [5], Decimal("1E+400")]
)
def test_anything_else_is_no_price(value: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Price).validate_python(value)


def test_errors_stand_under_the_senders_own_names() -> None:
    errors: list[dict[str, Any]] = [
        {
            "loc": ("body", "body", "variants", 0, "price"),
            "type": "value_error",
            "msg": "Value error, Must be a number.",
        },
        {"loc": ("body", "body"), "type": "value_error", "msg": "Give a name."},
    ]
    assert fields_of(errors) == {"variants.0.price": ["Must be a number."], "body": ["Give a name."]}


class Sample(Body):
    text: Annotated[str, Field(min_length=1, max_length=3)] = "a"
    code: Annotated[str, Field(min_length=2, pattern="^[a-z]+$")] = "ab"
    whole: Quantity = 1
    number: Annotated[Decimal, Field(gt=0, lt=10)] = Decimal(1)
    price: Price = Decimal(1)
    flag: bool = True
    entries: Annotated[list[Line], Field(min_length=1, max_length=2)] = ["a"]
    named: dict[Annotated[str, Field(max_length=3)], int] = {}
    choice: Literal["one", "two", "three"] = "one"
    inner: "Sample | None" = None
    is_gift: bool = False


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("strange", 1, "Unknown field."),
        ("text", "", "Must not be empty."),
        ("text", "four", "At most 3 characters."),
        ("text", 5, "Must be text."),
        ("text", None, "Must be text."),
        ("code", "a", "At least 2 characters."),
        ("code", "A1", "Not a valid value."),
        ("whole", 1.5, "Must be a whole number."),
        ("whole", "1", "Must be a whole number."),
        ("whole", 0, "Must be at least 1."),
        ("whole", 2**31, "Must be at most 2147483647."),
        ("number", "many", "Must be a number."),
        ("number", 0, "Must be above 0."),
        ("number", 10, "Must be below 10."),
        ("price", "1", "Must be a number."),
        ("price", -1, "Must be at least 0."),
        ("flag", "perhaps", "Must be true or false."),
        ("entries", "a", "Must be a list."),
        ("entries", [], "Must not be empty."),
        ("entries", ["a", "b", "c"], "At most 2 entries."),
        ("named", [], "Must be an object."),
        ("choice", "four", "Must be one of: one, two, three."),
        ("choice", [], "Must be one of: one, two, three."),
        ("inner", [], "Must be an object."),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(name: str, value: Any, text: str) -> None:
    assert refused({name: value}) == {name: [text]}


def test_a_bad_name_in_an_object_stands_under_that_name() -> None:
    assert refused({"named": {"four": 1}}) == {"named.four": ["At most 3 characters."]}


def test_what_is_missing_is_required() -> None:
    assert post("{}", "application/json").json()["fields"] == {"body": ["Give productId, variantId or sku."]}
    missing = Client().generic("PUT", "/api/cart/me/items/item_1", b"{}", content_type="application/json")
    assert missing.json()["fields"] == {"quantity": ["This field is required."]}


def test_names_are_camel_case_alone() -> None:
    """One spelling: a client that mixes them up would find one of two values silently dropped."""
    assert Sample.model_validate({"isGift": True}).is_gift
    assert refused({"is_gift": True}) == {"is_gift": ["Unknown field."]}
    assert post('{"variant_id": "x"}', "application/json").json()["fields"].keys() >= {"variant_id"}
    assert Sample.model_validate({"is_gift": True}, by_name=True).is_gift


def refused(body: dict[str, Any]) -> dict[str, list[str]]:
    with pytest.raises(ValidationError) as refusal:
        Sample.model_validate(body)
    return fields_of([dict(error) for error in refusal.value.errors()])
