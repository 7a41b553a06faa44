"""What the official SDK says of requests and answers, read from its own type annotations and held against real ones."""

import ast
import inspect
import re
import sys
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union

import stripe
import typing_extensions
from stripe import params
from stripe._object_classes import get_object_class
from stripe._request_options import RequestOptions
from stripe._stripe_context import StripeContext
from stripe.params import checkout as checkout_params

Shape = Any  # a type annotation
LATE = {
    "StripeContext": StripeContext,
    "Mapping": Mapping,
}  # named in annotations, imported by the SDK for type checkers only


def origin_of(shape: Shape) -> Any:
    return typing.get_origin(shape)


@dataclass(frozen=True)
class Contract:
    """One method of `StripeClient.v1`: what it sends where, and the class of what it answers (of a list's members)."""

    method: str
    pattern: str
    params: Shape
    answer: type[stripe.StripeObject]

    @property
    def is_list(self) -> bool:
        return self.method == "GET" and not self.pattern.endswith("{id}")


CONTRACTS = {
    "checkout.sessions.create": Contract(
        "POST", "/v1/checkout/sessions", checkout_params.SessionCreateParams, stripe.checkout.Session
    ),
    "checkout.sessions.list": Contract(
        "GET", "/v1/checkout/sessions", checkout_params.SessionListParams, stripe.checkout.Session
    ),
    "checkout.sessions.retrieve": Contract(
        "GET", "/v1/checkout/sessions/{id}", checkout_params.SessionRetrieveParams, stripe.checkout.Session
    ),
    "checkout.sessions.expire": Contract(
        "POST", "/v1/checkout/sessions/{id}/expire", checkout_params.SessionExpireParams, stripe.checkout.Session
    ),
    "payment_intents.create": Contract(
        "POST", "/v1/payment_intents", params.PaymentIntentCreateParams, stripe.PaymentIntent
    ),
    "payment_intents.list": Contract(
        "GET", "/v1/payment_intents", params.PaymentIntentListParams, stripe.PaymentIntent
    ),
    "payment_intents.retrieve": Contract(
        "GET", "/v1/payment_intents/{id}", params.PaymentIntentRetrieveParams, stripe.PaymentIntent
    ),
    "payment_intents.confirm": Contract(
        "POST", "/v1/payment_intents/{id}/confirm", params.PaymentIntentConfirmParams, stripe.PaymentIntent
    ),
    "payment_intents.capture": Contract(
        "POST", "/v1/payment_intents/{id}/capture", params.PaymentIntentCaptureParams, stripe.PaymentIntent
    ),
    "payment_intents.cancel": Contract(
        "POST", "/v1/payment_intents/{id}/cancel", params.PaymentIntentCancelParams, stripe.PaymentIntent
    ),
    "payment_methods.retrieve": Contract(
        "GET", "/v1/payment_methods/{id}", params.PaymentMethodRetrieveParams, stripe.PaymentMethod
    ),
    "charges.list": Contract("GET", "/v1/charges", params.ChargeListParams, stripe.Charge),
    "charges.retrieve": Contract("GET", "/v1/charges/{id}", params.ChargeRetrieveParams, stripe.Charge),
    "balance_transactions.retrieve": Contract(
        "GET", "/v1/balance_transactions/{id}", params.BalanceTransactionRetrieveParams, stripe.BalanceTransaction
    ),
    "refunds.create": Contract("POST", "/v1/refunds", params.RefundCreateParams, stripe.Refund),
    "refunds.list": Contract("GET", "/v1/refunds", params.RefundListParams, stripe.Refund),
    "refunds.retrieve": Contract("GET", "/v1/refunds/{id}", params.RefundRetrieveParams, stripe.Refund),
    "refunds.cancel": Contract("POST", "/v1/refunds/{id}/cancel", params.RefundCancelParams, stripe.Refund),
    "disputes.list": Contract("GET", "/v1/disputes", params.DisputeListParams, stripe.Dispute),
    "disputes.retrieve": Contract("GET", "/v1/disputes/{id}", params.DisputeRetrieveParams, stripe.Dispute),
    "disputes.update": Contract("POST", "/v1/disputes/{id}", params.DisputeUpdateParams, stripe.Dispute),
    "disputes.close": Contract("POST", "/v1/disputes/{id}/close", params.DisputeCloseParams, stripe.Dispute),
    "events.list": Contract("GET", "/v1/events", params.EventListParams, stripe.Event),
    "events.retrieve": Contract("GET", "/v1/events/{id}", params.EventRetrieveParams, stripe.Event),
}


def contract_of(method: str, path: str) -> tuple[str, Contract]:
    """Raises LookupError for a call that no method of the list makes."""
    for name, contract in CONTRACTS.items():
        pattern = contract.pattern.replace("{id}", "[A-Za-z0-9_]+")
        if method == contract.method and re.fullmatch(pattern, path):
            return name, contract
    raise LookupError(f"{method} {path} is in no contract")


def calls_in(source: Path) -> set[str]:
    """Every `client().v1.<noun>.<verb>(` of a module, as in CONTRACTS."""
    tree = ast.parse(source.read_text())
    called = (ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {name.partition(".v1.")[2] for name in called if ".v1." in name and "(" not in name.partition(".v1.")[2]}


# --- Requests


def problems_of_request(method: str, path: str, tree: Mapping[str, Any]) -> list[str]:
    """What the SDK's parameter types have against a decoded form; empty when nothing."""
    try:
        _, contract = contract_of(method, path)
    except LookupError as error:
        return [str(error)]
    return list(_params(tree, contract.params, ""))


@cache
def _fields(shape: Shape) -> dict[str, tuple[Shape, bool]]:
    """Of a TypedDict: by name the type and whether it must be given. What the SDK takes for itself is no parameter."""
    options = set(typing.get_type_hints(RequestOptions, localns=LATE))
    hints = typing_extensions.get_type_hints(shape, localns=LATE)
    own = {name: hint for name, hint in hints.items() if name not in options}
    return {name: (hint, name in shape.__required_keys__) for name, hint in own.items()}


def _params(value: Any, shape: Shape, at: str) -> Iterator[str]:
    if typing_extensions.is_typeddict(shape):
        yield from _group(value, shape, at)
        return
    origin, arguments = origin_of(shape), typing.get_args(shape)
    if origin in (Union, types.UnionType):
        members = without_open_end(arguments)
        if all(list(_params(value, member, at)) for member in members):
            # The problems of the only structure among them say more than "none fits".
            deep = [each for each in members if typing_extensions.is_typeddict(each)] if isinstance(value, dict) else []
            yield from _params(value, deep[0], at) if deep else [f"{at}: {value!r} is none of {members}"]
    elif origin is list:
        if not isinstance(value, dict) or sorted(value) != sorted(str(place) for place in range(len(value))):
            yield f"{at}: is no list"
            return
        for place, member in value.items():
            yield from _params(member, arguments[0], f"{at}[{place}]")
    elif origin is dict or getattr(origin, "__name__", "") == "UntypedStripeObject":
        if not isinstance(value, dict):
            yield f"{at}: is no hash"
            return
        for name, member in value.items():
            yield from _params(member, arguments[-1], f"{at}[{name}]")
    elif not _is_leaf(value, shape):
        yield f"{at}: {value!r} is not of type {shape}"


def _group(value: Any, shape: Shape, at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{at}: is no hash"
        return
    fields = _fields(shape)
    for name in value.keys() - fields.keys():
        yield f"{at}[{name}]: unknown"
    for name, (hint, is_required) in fields.items():
        if name in value:
            yield from _params(value[name], hint, f"{at}[{name}]")
        elif is_required:
            yield f"{at}[{name}]: missing"


def _is_leaf(value: Any, shape: Shape) -> bool:
    if not isinstance(value, str):
        return False
    if origin_of(shape) is Literal:
        return value in [str(each) for each in typing.get_args(shape)]
    tests: dict[Shape, Callable[[str], Any]] = {
        str: lambda text: True,
        int: lambda text: re.fullmatch(r"-?\d+", text),
        float: lambda text: re.fullmatch(r"-?\d+(\.\d+)?", text),
        bool: lambda text: text in ("true", "false"),
    }
    return bool(tests.get(shape, lambda text: False)(value))


def without_open_end(members: tuple[Shape, ...]) -> tuple[Shape, ...]:
    """`Literal["a", "b"] | str`, by which the SDK stays open for what Stripe adds, is the literals alone here."""
    has_choices = any(origin_of(each) is Literal and any(typing.get_args(each)) for each in members)
    return tuple(each for each in members if not (has_choices and each is str))


# --- Answers


def problems_of_answer(method: str, path: str, body: Mapping[str, Any]) -> list[str]:
    """What the SDK's classes have against an answer: a field that is missing, unknown, or of another type."""
    _, contract = contract_of(method, path)
    if not contract.is_list:
        return problems_of_object(body, contract.answer)
    found = [] if body.get("object") == "list" and isinstance(body.get("has_more"), bool) else ["is no list"]
    for place, member in enumerate(body.get("data", ())):
        found += [f"data[{place}]{problem}" for problem in problems_of_object(member, contract.answer)]
    return found


def problems_of_object(value: Any, cls: type[stripe.StripeObject]) -> list[str]:
    parsed = stripe.StripeObject.construct_from({"it": value}, "sk_test_contract")["it"]
    wrong = (
        [] if isinstance(parsed, cls) else [f": the SDK makes a {type(parsed).__name__} of it, not a {cls.__name__}"]
    )
    return wrong + list(_value(value, cls, ""))


def problems_of_event(event: Mapping[str, Any]) -> list[str]:
    """As `problems_of_object`, the object that the event is about included."""
    subject = event.get("data", {}).get("object", {})
    inner = problems_of_object(subject, get_object_class("V1", subject.get("object")))
    return problems_of_object(event, stripe.Event) + [f".data.object{problem}" for problem in inner]


@cache
def fields_of(cls: Shape) -> dict[str, Shape]:
    """The annotations of a class of the SDK, resolved. What a module imports for type checkers only is imported."""
    found: dict[str, Shape] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("stripe.") and base is not stripe.StripeObject:
            names = _names_of(base.__module__)
            for name, hint in vars(base).get("__annotations__", {}).items():
                found[name] = eval(hint, names) if isinstance(hint, str) else _resolved(hint, names)
    return {name: hint for name, hint in found.items() if origin_of(hint) is not typing.ClassVar}


@cache
def _names_of(module: str) -> dict[str, Any]:
    names = dict(vars(sys.modules[module]))
    for node in ast.parse(inspect.getsource(sys.modules[module])).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            exec(compile(ast.Module(node.body, []), module, "exec"), names)
    return names


def _resolved(hint: Shape, names: dict[str, Any]) -> Shape:
    holder = type("Holder", (), {"__annotations__": {"it": hint}})
    return typing.get_type_hints(holder, names, names)["it"]


def _value(value: Any, shape: Shape, at: str) -> Iterator[str]:
    origin, arguments = origin_of(shape), typing.get_args(shape)
    if origin in (Union, types.UnionType):
        yield from _union(value, without_open_end(arguments), at)
    elif origin is Literal:
        if value not in arguments:
            yield f"{at}: {value!r} is none of {arguments}"
    elif origin is list:
        if not isinstance(value, list):
            yield f"{at}: is no list"
            return
        for place, member in enumerate(value):
            yield from _value(member, arguments[0], f"{at}[{place}]")
    elif origin is stripe.ListObject:
        if not isinstance(value, dict) or value.get("object") != "list":
            yield f"{at}: is no list object"
            return
        yield from _value(value.get("data"), list[arguments[0]], f"{at}.data")  # type: ignore[valid-type]
    elif origin is dict or getattr(origin or shape, "__name__", "") == "UntypedStripeObject" or shape is Any:
        if shape is not Any and not isinstance(value, dict):
            yield f"{at}: is no hash"
    elif isinstance(shape, type) and issubclass(shape, stripe.StripeObject):
        yield from _object(value, shape, at)
    elif not _is_plain(value, shape):
        yield f"{at}: {value!r} is not of type {shape}"


def _object(value: Any, cls: Shape, at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{at}: is no {cls.__name__}"
        return
    fields = fields_of(cls)
    for name in value.keys() - fields.keys():
        yield f"{at}.{name}: unknown"
    for name, hint in fields.items():
        if name in value:
            yield from _value(value[name], hint, f"{at}.{name}")
        elif type(None) not in typing.get_args(hint):
            yield f"{at}.{name}: missing"


def _union(value: Any, members: tuple[Shape, ...], at: str) -> Iterator[str]:
    if value is None and type(None) in members:
        return
    tried = [list(_value(value, member, at)) for member in members if member is not type(None)]
    if all(tried):
        # An object that says what it is is held against that class, so that the problem is named.
        own = [each for each in members if isinstance(value, dict) and _is_class_of(each, value.get("object"))]
        own = own or [each for each in members if isinstance(each, type) and issubclass(each, stripe.StripeObject)]
        yield from _value(value, own[0], at) if own else [f"{at}: {value!r} is none of {members}"]


def _is_class_of(shape: Shape, noun: Any) -> bool:
    return bool(noun) and getattr(shape, "OBJECT_NAME", None) == noun


def _is_plain(value: Any, shape: Shape) -> bool:
    if shape is bool or isinstance(value, bool):
        return shape is bool and isinstance(value, bool)
    if shape is float:
        return isinstance(value, int | float)
    if getattr(shape, "__name__", "") == "Decimal":
        return isinstance(value, str)
    return isinstance(value, shape)
