from shop.errors import NotFound

from .models import ApiToken, BrowserSession, User


def find_user(user_id: str, *, asked_by: User, permission: str) -> User:
    """Whom a `{user_id}` in a path means: `me`, one's own public id or, for staff with the permission, anybody's.

    Raises NotFound alike for other people and for nobody.
    """
    if user_id in {"me", asked_by.public_id}:
        return asked_by
    # PostgreSQL refuses a NUL in any text: for staff that would be an error of ours instead of a missing person.
    if not (asked_by.is_staff and asked_by.has_perm(permission)) or "\x00" in user_id:
        raise NotFound
    try:
        return User.objects.get(public_id=user_id)
    except User.DoesNotExist as error:
        raise NotFound from error


def oneself(user_id: str, *, asked_by: User) -> User:
    """`me` or one's own public id; anybody else's is NotFound, for staff too: these are one's own alone."""
    if user_id not in {"me", asked_by.public_id}:
        raise NotFound
    return asked_by


def find_token(user: User, token_id: str) -> ApiToken:
    """One's own token. Raises NotFound."""
    token = ApiToken.objects.visible_to(user).filter(public_id=token_id).first()
    if token is None:
        raise NotFound
    # As the request knows them: a second factor that it has not shown is missing for what it asks of the token too.
    token.user = user
    return token


def find_session(user: User, session_id: str) -> BrowserSession:
    """One's own signed-in browser. Raises NotFound."""
    session = BrowserSession.objects.visible_to(user).filter(public_id=session_id).first()
    if session is None:
        raise NotFound
    return session
