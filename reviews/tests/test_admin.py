import pytest
from django.test import Client

from accounts.tests.factories import StaffFactory
from reviews.models import Review

from .factories import review_of

pytestmark = pytest.mark.usefixtures("sound")
LIST = "/admin/reviews/review/"


def act(client: Client, action: str, *reviews: Review) -> str:
    chosen = {"action": action, "_selected_action": [review.pk for review in reviews]}
    return client.post(LIST, chosen, follow=True).content.decode()


def test_what_waits_comes_first_and_many_are_approved_at_once(admin_browser: Client, review: Review) -> None:
    waiting = [review_of(review.product, approved=False, title=f"Waiting {number}") for number in range(2)]
    page = admin_browser.get(LIST).content.decode()
    assert page.index("Waiting 0") < page.index(review.title)
    assert "Approved: 2." in act(admin_browser, "approve", *waiting)
    review.product.refresh_from_db()
    assert review.product.rating_count == 3
    assert "Rejected: 1." in act(admin_browser, "reject", waiting[0])
    review.product.refresh_from_db()
    assert review.product.rating_count == 2


def test_staff_answer_and_decide_and_change_nothing_else(admin_browser: Client, review: Review) -> None:
    path = f"{LIST}{review.pk}/change/"
    assert "Pending" not in admin_browser.get(path).content.decode()
    admin_browser.post(path, {"staff_reply": "Thank you", "rating": "1", "text": "Bad", "state": "rejected"})
    fresh = Review.objects.get()
    assert (fresh.staff_reply, fresh.rating, fresh.text, fresh.state) == ("Thank you", 4, review.text, "rejected")
    admin_browser.post(path, {"staff_reply": "Thank you", "state": "published"})
    fresh.product.refresh_from_db()
    assert fresh.product.rating_count == 1
    admin_browser.post(path, {"staff_reply": "", "state": "pending"})
    fresh.refresh_from_db()
    assert (fresh.state, fresh.staff_reply) == ("published", "Thank you")
    assert admin_browser.get(f"{LIST}add/").status_code == 403
    assert admin_browser.post(f"{LIST}{review.pk}/delete/", {"post": "yes"}).status_code == 403


def test_who_may_only_look_can_neither_approve_nor_answer(review: Review) -> None:
    looker = Client()
    looker.force_login(StaffFactory.create(permissions=["reviews.view_review"]))
    act(looker, "reject", review)
    looker.post(f"{LIST}{review.pk}/change/", {"staff_reply": "Ha"})
    fresh = Review.objects.get()
    assert (fresh.state, fresh.staff_reply) == ("published", "")
