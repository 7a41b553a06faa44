from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, StrictInt

from shop.api import Answer, Body, Line, PagedEnvelope, Text
from shop.paging import PageQuery

from .models import MAX_TEXT, MAX_TITLE, Review
from .operations import Opinion
from .queries import Histogram


class ReviewQuery(PageQuery):
    rating: int | None = Field(None, ge=1, le=5, description="Only those that gave so many stars.")
    sort_by: Literal["newest", "highest", "lowest"] = Field("newest", alias="sortBy")


class ReviewBody(Body):
    rating: Annotated[StrictInt, Field(ge=1, le=5)]
    title: Annotated[Line, Field(max_length=MAX_TITLE)] = ""
    text: Annotated[Text, Field(max_length=MAX_TEXT)] = ""

    @property
    def opinion(self) -> Opinion:
        return Opinion(rating=self.rating, title=self.title, text=self.text)


class ReviewAnswer(Answer):
    """`verified`: its author has bought the product here. `status` is `published` but for one's own."""

    review_id: str
    product_id: str
    rating: int
    title: str
    text: str
    author: str
    verified: bool
    status: str
    staff_reply: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, review: Review) -> "ReviewAnswer":
        """Of a review read with its product and author."""
        return cls(
            review_id=review.public_id,
            product_id=review.product.public_id,
            rating=review.rating,
            title=review.title,
            text=review.text,
            author=review.author,
            verified=True,
            status=review.state,
            staff_reply=review.staff_reply,
            created_at=review.created_at,
            updated_at=review.updated_at,
        )


class SummaryAnswer(Answer):
    """`average` is of 1 to 5; null without a review. `histogram` counts reviews by stars."""

    average: float | None
    count: int
    histogram: dict[str, int]

    @classmethod
    def of(cls, counts: Histogram) -> "SummaryAnswer":
        average = counts.average
        return cls(
            average=None if average is None else float(average),
            count=counts.total,
            histogram={str(bar.stars): bar.count for bar in counts.bars},
        )


class ReviewsEnvelope(PagedEnvelope[ReviewAnswer]):
    """`rating` is of all published reviews, whichever of them are listed."""

    rating: SummaryAnswer


class DeletedAnswer(Answer):
    review_id: str


class ReportedAnswer(Answer):
    review_id: str
    reported: bool
