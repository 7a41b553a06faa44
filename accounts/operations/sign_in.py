from datetime import datetime

from django.contrib import auth
from django.contrib.auth.signals import user_logged_in
from django.db import transaction
from django.http import HttpRequest

from shop import rate_limits
from shop.middleware import client_address
from shop.outbox import publish

from ..errors import WrongCredentials
from ..models import ApiToken, User
from .rules import check_password_rules, fingerprint, save_or_email_taken, valid_email
from .tokens import issue_token


def register(
    email: str, password: str, first_name: str = "", last_name: str = "", phone: str = "", *, request_address: str
) -> User:
    """Makes an account and records `user.created`.

    Raises EmailTaken, InvalidInput (`email`, `password`), RateLimited. Locks: nothing.
    """
    rate_limits.check("register", request_address)
    user = User(email=valid_email(email), first_name=first_name, last_name=last_name, phone=phone)
    check_password_rules(password, user)
    user.set_password(password)
    with transaction.atomic():
        save_or_email_taken(user)
        publish("user.created", key=f"user.created:{user.public_id}", payload={"user_id": user.public_id})
    return user


def authenticate(request: HttpRequest, email: str, password: str) -> User:
    """The account behind email and password: the one door of form, admin and API.

    Raises WrongCredentials, after the same work for an unknown address, a wrong password and a closed account;
    RateLimited by network address and by network address with email, so that nobody can lock out somebody else.
    Locks: nothing.
    """
    address = client_address(request)
    rate_limits.check("sign_in_address", address)
    rate_limits.check("sign_in", f"{address}:{fingerprint(User.normalize_username(email))}")
    user = auth.authenticate(request, username=email, password=password)
    if not isinstance(user, User):
        raise WrongCredentials
    return user


@transaction.atomic
def sign_in_with_token(request: HttpRequest, user: User, *, now: datetime) -> tuple[ApiToken, str]:
    """Signs in a client that keeps no cookies: a token, and the same `user_logged_in` that a form's sign-in sends.

    Locks: what the signal's receivers lock.
    """
    token, secret = issue_token(user, "sign-in", now)
    user_logged_in.send(sender=User, request=request, user=user)
    return token, secret
