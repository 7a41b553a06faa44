from datetime import datetime, timedelta

from ..models import ApiToken, User


def issue_token(user: User, name: str, now: datetime, days: int = 30) -> tuple[ApiToken, str]:
    """A new bearer token and its secret, which is shown this once and never again. Locks: nothing."""
    secret = ApiToken.new_secret()
    token = ApiToken(user=user, name=name, digest=ApiToken.digest_of(secret), expires_at=now + timedelta(days=days))
    token.save()
    return token, secret


def revoke_token(secret: str) -> None:
    """Ends the token with this secret; a second time changes nothing. Locks: nothing."""
    ApiToken.objects.filter(digest=ApiToken.digest_of(secret)).delete()
