from shop.errors import NotFound

from .models import User


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
