"""The WebAuthn ceremony, by Yubico's own library: what the browser is asked, and whether its answer holds.

`state` goes into the session and comes back once: it holds the challenge that the answer must have signed.
"""

import ipaddress
import json
import struct
from collections.abc import Sequence
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from django.conf import settings
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    AuthenticationResponse,
    AuthenticatorData,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from .models import User

State: TypeAlias = dict[str, Any]
# What the library raises for an answer that is no answer at all.
MALFORMED = (ValueError, TypeError, LookupError, AttributeError, struct.error)


class Refused(Exception):
    """The answer is malformed, signed by another key, for another site, or for another challenge."""


def are_possible() -> bool:
    """Browsers keep passkeys for names over HTTPS and for localhost, never for an address made of numbers."""
    host = _host()
    if host == "localhost":
        return True
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return bool(settings.IS_HTTPS)
    return False


def ask_to_make(user: User, known: Sequence[bytes]) -> tuple[str, State]:
    """Options, as JSON, for a new passkey on none of the devices that hold a `known` one."""
    person = PublicKeyCredentialUserEntity(
        id=user.public_id.encode(), name=user.email, display_name=user.get_full_name() or user.email
    )
    options, state = _server().register_begin(
        person,
        [AttestedCredentialData(bytes(credential)) for credential in known],
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
        user_verification=UserVerificationRequirement.PREFERRED,
    )
    return json.dumps(dict(options)), _plain(state)


def made(state: State, answer: str) -> AuthenticatorData:
    """The new credential. Raises Refused."""
    try:
        return _server().register_complete(state, RegistrationResponse.from_dict(json.loads(answer)))
    except MALFORMED as error:
        raise Refused from error


def ask_to_use(known: Sequence[bytes] = ()) -> tuple[str, State]:
    """Options, as JSON, to sign with one of the `known`; with none given, any of this site, and by who is verified.

    Alone it stands for password and second factor, so the device must have asked for a finger, face or PIN.
    """
    options, state = _server().authenticate_begin(
        [AttestedCredentialData(bytes(credential)) for credential in known],
        user_verification=UserVerificationRequirement.PREFERRED if known else UserVerificationRequirement.REQUIRED,
    )
    return json.dumps(dict(options)), _plain(state)


def asks_for_owner(state: State) -> bool:
    return state.get("user_verification") == UserVerificationRequirement.REQUIRED.value


def credential_id_of(answer: str) -> bytes:
    """Which passkey the answer says it is from. Raises Refused."""
    return _parsed(answer).raw_id


def check_use(state: State, credential: bytes, answer: str) -> int:
    """How often the passkey says that it was used; 0 if it does not count. Raises Refused."""
    parsed = _parsed(answer)
    try:
        _server().authenticate_complete(state, [AttestedCredentialData(bytes(credential))], parsed)
    except MALFORMED as error:
        raise Refused from error
    return parsed.response.authenticator_data.counter


def _parsed(answer: str) -> AuthenticationResponse:
    try:
        parsed = AuthenticationResponse.from_dict(json.loads(answer))
    except MALFORMED as error:
        raise Refused from error
    if parsed is None:
        raise Refused
    return parsed


def _server() -> Fido2Server:
    """Bound to the address in the settings: the Host header is the visitor's to write."""
    site = PublicKeyCredentialRpEntity(id=_host(), name=settings.SHOP_NAME)
    return Fido2Server(site, verify_origin=lambda origin: origin == settings.SHOP_BASE_URL)


def _host() -> str:
    return urlsplit(settings.SHOP_BASE_URL).hostname or ""


def _plain(state: State) -> State:
    """As a session can keep it."""
    return {name: str(getattr(value, "value", value)) for name, value in state.items()}
