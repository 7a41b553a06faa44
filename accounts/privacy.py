"""The account's own part of a copy and of an erasure."""

from datetime import datetime
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType

from shop.outbox import publish
from shop.privacy import Part

from .models import User, email_nonce
from .operations.sessions import end_sessions
from .schemas import UserAnswer


def export(user: User) -> dict[str, Any]:
    """Never a secret: a copy of one's data that signs somebody in would be a danger to keep."""
    return {
        "profile": UserAnswer.of(user, user.addresses.all()).model_dump(by_alias=True),
        "emailVerifiedAt": user.email_verified_at,
        "lastSignInAt": user.last_login,
        "apiTokens": [
            {
                "name": token.name,
                "scopes": token.scopes,
                "createdAt": token.created_at,
                "expiresAt": token.expires_at,
                "lastUsedAt": token.last_used_at,
            }
            for token in user.api_tokens.order_by("id")
        ],
        "sessions": [
            {
                "browser": session.user_agent,
                "network": session.address,
                "createdAt": session.created_at,
                "lastSeenAt": session.last_seen_at,
            }
            for session in user.browser_sessions.all()
        ],
        "secondFactors": [
            {
                "kind": factor.kind,
                "name": factor.name,
                "createdAt": factor.created_at,
                "lastUsedAt": factor.last_used_at,
            }
            for factor in user.second_factors.all()
        ],
    }


def erase(user: User, now: datetime) -> None:
    """Keeps the row, which orders and reviews name, and nothing that says whose it was.

    Locks: the user, so hard that no order or cart of theirs can be begun before the end.
    """
    user = User.objects.select_for_update().get(pk=user.pk)
    old_email = user.email
    end_sessions(user)
    for rows in (user.addresses, user.api_tokens, user.second_factors, user.recovery_codes):
        rows.all().delete()
    user.groups.clear()
    user.user_permissions.clear()
    user.email = f"erased-{user.public_id}@invalid".lower()
    user.first_name = user.last_name = user.phone = ""
    user.email_verified_at = user.last_login = None
    user.email_nonce = email_nonce()
    user.is_active = user.is_staff = user.is_superuser = False
    user.erased_at = now
    user.set_unusable_password()
    user.save()
    # The administrators' log names what each entry is about by what it was called then.
    entries = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk))
    entries.update(object_repr=user.email)
    publish(
        "user.erased",
        key=f"user.erased:{user.public_id}",
        payload={"user_id": user.public_id, "old_email": old_email},
    )


PART = Part("account", export, erase)
