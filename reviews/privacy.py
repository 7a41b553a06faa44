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


PART = Part("reviews", export, erase)
