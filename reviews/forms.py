from typing import Any

from django import forms

from .models import MAX_TEXT, MAX_TITLE, Review
from .operations import Opinion
from .queries import SORTS

STARS = [
    (5, "5 stars, excellent"),
    (4, "4 stars, good"),
    (3, "3 stars, fair"),
    (2, "2 stars, poor"),
    (1, "1 star, bad"),
]


class ReviewForm(forms.Form):
    rating = forms.TypedChoiceField(
        label="Your rating", choices=STARS, coerce=int, widget=forms.RadioSelect,
        error_messages={"required": "Choose one to five stars."},
    )  # fmt: skip
    title = forms.CharField(label="Headline (optional)", max_length=MAX_TITLE, required=False)
    text = forms.CharField(
        label="What others should know (optional)",
        max_length=MAX_TEXT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text="How it looks, works and lasts. Your first name is shown beside it.",
    )

    @classmethod
    def of(cls, review: Review | None) -> "ReviewForm":
        fields = ("rating", "title", "text")
        return cls(initial={name: getattr(review, name) for name in fields} if review else None)

    @property
    def opinion(self) -> Opinion:
        return Opinion(**self.cleaned_data)


class ListForm(forms.Form):
    """The address of the list; what can't be understood is passed over."""

    rating = forms.TypedChoiceField(choices=[(n, n) for n in range(1, 6)], coerce=int, required=False, empty_value=None)
    sortBy = forms.ChoiceField(choices=SORTS, required=False)
    page = forms.IntegerField(min_value=1, max_value=1000, required=False)

    @property
    def values(self) -> dict[str, Any]:
        self.is_valid()
        given = self.cleaned_data
        return {
            "rating": given.get("rating"),
            "sort": given.get("sortBy") or "newest",
            "page": given.get("page") or 1,
        }
