"""The reviews' part of a copy and of an erasure."""

from datetime import datetime
from typing import Any

from accounts.models import User
from shop.privacy import Part

from .operations import forget_reviews
from .queries import reviews_of
from .schemas import ReviewAnswer


def export(user: User) -> list[dict[str, Any]]:
    return [ReviewAnswer.of(review).model_dump(by_alias=True) for review in reviews_of(user)]


def erase(user: User, now: datetime) -> None:
    forget_reviews(user)


def objection(user: User) -> str:
    """One may have been written between our part of the erasure and the account's, which lets no more be."""
    return "You have just written a review. Try again." if reviews_of(user).exists() else ""


PART = Part("reviews", export, erase, objection)
