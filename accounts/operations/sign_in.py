from datetime import datetime

from django.contrib import auth
from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.http import HttpRequest

from shop import rate_limits
from shop.middleware import client_address
from shop.outbox import publish

from ..errors import EmailTaken, WrongCredentials
from ..models import ApiToken, User
from .rules import check_password_rules, fingerprint, save_or_email_taken, valid_email
from .second_factor import check_staff_has_second_factor, demand_second_factor
from .tokens import issue_token
from .verification import check_email_verified, is_verification_mandatory


def register(
    email: str,
    password: str,
    first_name: str = "",
    last_name: str = "",
    phone: str = "",
    *,
    request_address: str,
    now: datetime,
) -> User:
    """Makes an account and records `user.created`.

    Raises EmailTaken, InvalidInput (`email`, `password`), RateLimited. Where addresses must be verified nobody learns
    that one is taken: its owner gets a mail instead, and the answer is a user who was not saved. Locks: nothing.
    """
    rate_limits.check("register", request_address)
    user = User(email=valid_email(email), first_name=first_name, last_name=last_name, phone=phone, created_at=now)
    check_password_rules(password, user)
    # Before the address is looked at, so that a known one takes as long as a new one.
    user.set_password(password)
    with transaction.atomic():
        try:
            save_or_email_taken(user)
            publish("user.created", key=f"user.created:{user.public_id}", payload={"user_id": user.public_id})
        except EmailTaken:
            if not is_verification_mandatory():
                raise
            name = f"{fingerprint(user.email)}:{now:%Y%m%d%H}"
            payload = {"email": user.email, "request": name}
            publish("user.already_registered", key=f"user.already_registered:{name}", payload=payload)
    return user


def authenticate(request: HttpRequest, email: str, password: str, otp: str = "", *, now: datetime) -> User:
    """The account behind email, password and, once it has a second factor, `otp`: the one door of form, admin and API.

    Raises WrongCredentials, after the same work for an unknown address, a wrong password and a closed account; only
    then EmailNotVerified, where addresses must be verified, MfaRequired, WrongCode; RateLimited by network address, by
    network address with email and, loosely, by email: guesses from a thousand addresses are few, and an owner whom
    they lock out waits for less than a minute. Locks: nothing.
    """
    address = client_address(request)
    account = fingerprint(User.normalize_username(email))
    rate_limits.check("sign_in_address", address)
    rate_limits.check("sign_in", f"{address}:{account}")
    rate_limits.check("sign_in_account", account)
    user = auth.authenticate(request, username=email, password=password)
    if not isinstance(user, User):
        raise WrongCredentials
    check_email_verified(user)
    demand_second_factor(user, otp, now=now)
    return user


@transaction.atomic
def sign_in_with_token(request: HttpRequest, user: User, *, now: datetime) -> tuple[ApiToken, str]:
    """Signs in a client that keeps no cookies: a token, and the same `user_logged_in` that a form's sign-in sends.

    Raises MfaEnrolmentRequired. Locks: what the signal's receivers lock.
    """
    check_staff_has_second_factor(user)
    token, secret = issue_token(user, ApiToken.SIGN_IN, now)
    user_logged_in.send(sender=User, request=request, user=user)
    return token, secret
