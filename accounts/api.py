from django.contrib import auth
from django.http import HttpRequest
from django.utils import timezone
from django.views.decorators.cache import never_cache
from ninja import Router, Status
from ninja.decorators import decorate_view

from shop.api import Envelope, Failure, signed_in
from shop.middleware import client_address

from . import operations
from .middleware import bearer_value
from .models import User
from .queries import find_user
from .schemas import LoginAnswer, LoginBody, ProfileBody, RegisterBody, RegisteredAnswer, UserAnswer

router = Router(tags=["Accounts"], by_alias=True)
private = decorate_view(never_cache)
SIGN_IN_ERRORS = {400: Failure, 401: Failure, 409: Failure, 429: Failure}


@router.post("/users/register", response={201: Envelope[RegisteredAnswer], **SIGN_IN_ERRORS})
@private
def register(request: HttpRequest, body: RegisterBody) -> Status[Envelope[RegisteredAnswer]]:
    """Makes an account. Sign in afterwards with `POST /users/login`."""
    user = operations.register(**body.model_dump(), request_address=client_address(request))
    return Status(201, Envelope(data=RegisteredAnswer.of(user)))


@router.post("/users/login", response={200: Envelope[LoginAnswer], 403: Failure, **SIGN_IN_ERRORS})
@private
def login(request: HttpRequest, body: LoginBody) -> Envelope[LoginAnswer]:
    """Answers a bearer token. `cartId` names the guest's cart to take over.

    An account with a second factor needs `otp`, a code of its app or a recovery code: 401 `mfa_required` without.
    """
    user = operations.authenticate(request, body.email, body.password, body.otp, now=timezone.now())
    request.cart_id = body.cart_id  # type: ignore[attr-defined]
    token, secret = operations.sign_in_with_token(request, user, now=timezone.now())
    return Envelope(data=LoginAnswer(token=secret, expires_at=token.expires_at, user=answer(user)))


@router.post("/users/logout", response={204: None, 401: Failure}, auth=signed_in)
@private
def logout(request: HttpRequest) -> Status[None]:
    """Ends what the request is signed in by: its bearer token, or its session."""
    if bearer := bearer_value(request):
        operations.revoke_token(bearer)
    else:
        auth.logout(request)
    return Status(204, None)


@router.get("/users/{user_id}", response={200: Envelope[UserAnswer], 401: Failure, 404: Failure}, auth=signed_in)
@private
def get_user(request: HttpRequest, user_id: str) -> Envelope[UserAnswer]:
    """`me`, one's own id, or anybody for staff who may view accounts."""
    return Envelope(data=answer(find_user(user_id, asked_by=caller(request), permission="accounts.view_user")))


@router.put(
    "/users/{user_id}",
    response={200: Envelope[UserAnswer], 403: Failure, 404: Failure, **SIGN_IN_ERRORS},
    auth=signed_in,
)
@private
def update_user(request: HttpRequest, user_id: str, body: ProfileBody) -> Envelope[UserAnswer]:
    """Changes the fields that are named. A new `email` needs `currentPassword`."""
    user = find_user(user_id, asked_by=caller(request), permission="accounts.change_user")
    return Envelope(data=answer(operations.update_profile(user, asked_by=caller(request), **body.changes())))


def caller(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def answer(user: User) -> UserAnswer:
    return UserAnswer.of(user, user.addresses.all())
