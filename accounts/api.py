from typing import Any

from django.contrib import auth
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from ninja import Query, Router, Status
from ninja.decorators import decorate_view

from shop import idempotency
from shop.api import IDEMPOTENT, Envelope, Failure, PagedEnvelope, signed_in
from shop.middleware import client_address
from shop.paging import CursorQuery, paginate
from shop.responses import json_response

from . import operations
from .middleware import bearer_value, granted_scopes, session_key, token_of
from .models import ApiToken, BrowserSession, User
from .queries import find_session, find_token, find_user, oneself
from .schemas import (
    EraseBody,
    LoginAnswer,
    LoginBody,
    NewTokenAnswer,
    ProfileBody,
    RegisterBody,
    RegisteredAnswer,
    RegistrationAccepted,
    SendVerificationBody,
    SessionAnswer,
    TokenAnswer,
    TokenBody,
    UserAnswer,
    VerifyEmailBody,
)

router = Router(tags=["Accounts"], by_alias=True)
private = decorate_view(never_cache)
SIGN_IN_ERRORS = {400: Failure, 401: Failure, 409: Failure, 429: Failure}


@router.post(
    "/users/register",
    response={201: Envelope[RegisteredAnswer], 202: Envelope[RegistrationAccepted], **SIGN_IN_ERRORS},
)
@private
def register(
    request: HttpRequest, body: RegisterBody
) -> Status[Envelope[RegisteredAnswer]] | Status[Envelope[RegistrationAccepted]]:
    """Makes an account. Sign in afterwards with `POST /users/login`.

    Where the shop has addresses verified first, the answer is 202 and the same for every address: a mail tells its
    owner how to go on.
    """
    user = operations.register(**body.model_dump(), request_address=client_address(request), now=timezone.now())
    if operations.is_verification_mandatory():
        return Status(202, Envelope(data=RegistrationAccepted(email=user.email)))
    return Status(201, Envelope(data=RegisteredAnswer.of(user)))


@router.post("/users/verify-email", response={204: None, 400: Failure, 429: Failure})
@private
def verify_email(request: HttpRequest, body: VerifyEmailBody) -> Status[None]:
    """Verifies an address with the end of the link that was mailed to it, once.

    Asks for the account's password unless the request is signed in to it.
    """
    asked_by = request.user if isinstance(request.user, User) else None
    operations.verify_email(body.token, password=body.password, asked_by=asked_by, now=timezone.now())
    return Status(204, None)


@router.post("/users/verify-email/send", response={202: Envelope[RegistrationAccepted], 400: Failure, 429: Failure})
@private
def send_verification(request: HttpRequest, body: SendVerificationBody) -> Status[Envelope[RegistrationAccepted]]:
    """Sends the link again, if the address has an account that waits for it; the answer is the same if not."""
    operations.start_verification(body.email, request_address=client_address(request), now=timezone.now())
    return Status(202, Envelope(data=RegistrationAccepted(email=body.email)))


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
    user = operations.update_profile(user, asked_by=caller(request), now=timezone.now(), **body.changes())
    return Envelope(data=answer(user))


# --- A person's own data


@router.get(
    "/users/{user_id}/export",
    response={200: Envelope[dict[str, Any]], 401: Failure, 403: Failure, 404: Failure, 429: Failure},
    auth=signed_in,
)
@private
def export_user(request: HttpRequest, user_id: str) -> Envelope[dict[str, Any]]:
    """Everything that the shop knows of oneself, by its parts: account, carts, orders, payments, mails."""
    return Envelope(data=dict(operations.export_account(oneself(user_id, asked_by=caller(request)))))


@router.post(
    "/users/{user_id}/erase", response={204: None, 403: Failure, 404: Failure, **SIGN_IN_ERRORS}, auth=signed_in
)
@private
def erase_user(request: HttpRequest, user_id: str, body: EraseBody) -> Status[None]:
    """Erases one's own account for good; it needs the password and, with a second factor, `otp`.

    409 `erase_refused`, with the reason, while an order is under way. Orders keep their copy for the books.
    """
    user, now = oneself(user_id, asked_by=caller(request)), timezone.now()
    operations.prove_identity(user, current_password=body.current_password, otp=body.otp, now=now)
    operations.erase_account(user, now=now)
    return Status(204, None)


# --- Tokens. Their secrets are stored nowhere but, sealed and for a day, in the answer to an `Idempotency-Key`.


@router.get(
    "/users/{user_id}/tokens",
    response={200: PagedEnvelope[TokenAnswer], 400: Failure, 401: Failure, 403: Failure, 404: Failure},
    auth=signed_in,
)
@private
def list_tokens(request: HttpRequest, user_id: str, page: Query[CursorQuery]) -> PagedEnvelope[TokenAnswer]:
    """One's own bearer tokens that still work, sign-ins among them, the newest first."""
    user = oneself(user_id, asked_by=caller(request))
    rows = user.api_tokens.usable(timezone.now()).order_by("-id")
    found = paginate(rows, limit=page.limit, offset=page.offset, cursor=page.cursor)
    return PagedEnvelope(data=[token_answer(request, token) for token in found], pagination=found.pagination)


@router.post(
    "/users/{user_id}/tokens",
    response={201: Envelope[NewTokenAnswer], 403: Failure, 404: Failure, 422: Failure, **SIGN_IN_ERRORS},
    auth=signed_in,
    openapi_extra=IDEMPOTENT,
)
@private
def create_token(request: HttpRequest, user_id: str, body: TokenBody) -> HttpResponse:
    """A new token for a program. `token`, its secret, is answered this once.

    `scopes` are `<resource>:read` or `<resource>:write`, which includes reading, or `*`. A request with a token can
    make no token that may do more than itself.
    """
    user = oneself(user_id, asked_by=caller(request))

    def create() -> HttpResponse:
        token, secret = operations.create_token(
            user,
            name=body.name,
            scopes=body.scopes,
            days=body.expires_in_days,
            granted=granted_scopes(request),
            now=timezone.now(),
        )
        return json_response(Envelope(data=new_token_answer(token, secret)), status=201)

    return idempotency.once(request, principal=principal(request), action=create)


@router.post(
    "/users/{user_id}/tokens/{token_id}/rotate",
    response={201: Envelope[NewTokenAnswer], **dict.fromkeys((401, 403, 404, 409, 422), Failure)},
    auth=signed_in,
    openapi_extra=IDEMPOTENT,
)
@private
def rotate_token(request: HttpRequest, user_id: str, token_id: str) -> HttpResponse:
    """A successor with the same name, scopes and days. The old secret works for 24 more hours, if it had as long."""
    old = find_token(oneself(user_id, asked_by=caller(request)), token_id)

    def rotate() -> HttpResponse:
        token, secret = operations.rotate_token(old, granted=granted_scopes(request), now=timezone.now())
        return json_response(Envelope(data=new_token_answer(token, secret)), status=201)

    return idempotency.once(request, principal=principal(request), action=rotate)


def principal(request: HttpRequest) -> str:
    """Each credential has keys of its own: else a lesser token would be answered a greater one's secret again."""
    token = token_of(request)
    return f"{caller(request).public_id}:{token.pk if token else 'session'}"


@router.delete(
    "/users/{user_id}/tokens/{token_id}",
    response={204: None, 401: Failure, 403: Failure, 404: Failure},
    auth=signed_in,
)
@private
def end_token(request: HttpRequest, user_id: str, token_id: str) -> Status[None]:
    """Ends the token at once."""
    operations.end_token(find_token(oneself(user_id, asked_by=caller(request)), token_id))
    return Status(204, None)


# --- Signed-in browsers


@router.get(
    "/users/{user_id}/sessions",
    response={200: PagedEnvelope[SessionAnswer], 400: Failure, 401: Failure, 403: Failure, 404: Failure},
    auth=signed_in,
)
@private
def list_sessions(request: HttpRequest, user_id: str, page: Query[CursorQuery]) -> PagedEnvelope[SessionAnswer]:
    """The browsers that are signed in to one's account, the last seen first. `lastSeenAt` is right to five minutes."""
    user = oneself(user_id, asked_by=caller(request))
    found = paginate(
        user.browser_sessions.alive(timezone.now()), limit=page.limit, offset=page.offset, cursor=page.cursor
    )
    return PagedEnvelope(data=[session_answer(request, session) for session in found], pagination=found.pagination)


@router.delete(
    "/users/{user_id}/sessions",
    response={204: None, 401: Failure, 403: Failure, 404: Failure},
    auth=signed_in,
)
@private
def end_other_sessions(request: HttpRequest, user_id: str) -> Status[None]:
    """Signs every browser out, but for the one that asks."""
    operations.end_sessions(oneself(user_id, asked_by=caller(request)), keep=session_key(request))
    return Status(204, None)


@router.delete(
    "/users/{user_id}/sessions/{session_id}",
    response={204: None, 401: Failure, 403: Failure, 404: Failure},
    auth=signed_in,
)
@private
def end_session(request: HttpRequest, user_id: str, session_id: str) -> Status[None]:
    """Signs that browser out at once."""
    operations.end_session(find_session(oneself(user_id, asked_by=caller(request)), session_id))
    return Status(204, None)


def caller(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def answer(user: User) -> UserAnswer:
    return UserAnswer.of(user, user.addresses.all())


def token_answer(request: HttpRequest, token: ApiToken) -> TokenAnswer:
    current = token_of(request)
    return TokenAnswer.of(token, is_current=current is not None and current.pk == token.pk)


def new_token_answer(token: ApiToken, secret: str) -> NewTokenAnswer:
    return NewTokenAnswer.of(token, is_current=False, token=secret)


def session_answer(request: HttpRequest, session: BrowserSession) -> SessionAnswer:
    return SessionAnswer.of(session, is_current=session.session_id == session_key(request))
