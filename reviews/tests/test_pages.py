from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from accounts.models import User
from accounts.tests.factories import UserFactory
from catalog.models import Product
from checkout.tests.factories import make_variant
from reviews import operations
from reviews.models import Review

from .factories import bought, review_of

pytestmark = pytest.mark.usefixtures("sound")


def reviews_path(product: Product) -> str:
    return f"{product.get_absolute_url()}reviews/"


def test_a_buyer_writes_changes_and_deletes(browser: Client, product: Product) -> None:
    path = f"{reviews_path(product)}mine/"
    assert 'name="rating"' in browser.get(path).content.decode()
    sent = browser.post(path, {"rating": "5", "title": "Fine", "text": "Yes"}, follow=True)
    assert sent.redirect_chain == [("/account/reviews/", 302)]
    assert "as soon as we have read it" in sent.content.decode()
    review = Review.objects.get()
    assert (review.rating, review.title, review.text) == (5, "Fine", "Yes")
    assert 'value="5" ' in browser.get(path).content.decode()
    browser.post(path, {"rating": "2"})
    review.refresh_from_db()
    assert (review.rating, review.text) == (2, "")
    browser.post(f"/reviews/{review.public_id}/delete/")
    assert not Review.objects.exists()


@pytest.mark.parametrize("values", [{}, {"rating": "0"}, {"rating": "x"}, {"rating": "5", "text": "x" * 4001}])
def test_a_bad_form_is_shown_again(values: Any, browser: Client, product: Product) -> None:
    page = browser.post(f"{reviews_path(product)}mine/", values)
    assert (page.status_code, Review.objects.count()) == (200, 0)
    assert "There is a problem" in page.content.decode()


def test_who_did_not_buy_is_told_so(product: Product) -> None:
    reader = Client()
    reader.force_login(UserFactory.create())
    path = f"{reviews_path(product)}mine/"
    assert "Only people who have bought" in reader.get(path).content.decode()
    reader.post(path, {"rating": "5"})
    assert not Review.objects.exists()
    assert Client().get(path).headers["Location"].startswith("/account/login/?next=")


def test_an_answer_stands_under_the_shops_name(product: Product) -> None:
    operations.reply(review_of(product), "Thank you")
    for path in (product.get_absolute_url(), reviews_path(product)):
        assert f"{settings.SHOP_NAME} answers" in Client().get(path).content.decode()


def test_markup_stays_text_and_nothing_becomes_a_link(product: Product) -> None:
    review_of(product, title="<b>x</b>", text="<script>alert(1)</script> https://spam.example [a](https://b.example)")
    for path in (product.get_absolute_url(), reviews_path(product)):
        page = Client().get(path).content.decode()
        assert "&lt;script&gt;alert(1)" in page
        assert "<b>x" not in page
        assert 'href="https://' not in page.replace('href="http://testserver', "")


def test_the_list_filters_sorts_and_pages(customer: User) -> None:
    product = bought(customer, make_variant(stock=20))
    for rating in [5] * 8 + [1] * 3:
        review_of(product, rating=rating)
    path = reviews_path(product)

    def ratings(query: str) -> list[int]:
        response = Client().get(path + query)
        assert response.status_code == 200
        return [review.rating for review in response.context["page"]]

    assert len(ratings("")) == 10
    assert ratings("?page=2") == [5]
    assert ratings("?sortBy=highest&page=2") == [1]
    assert ratings("?rating=1") == [1, 1, 1]
    for odd in ("?rating=9&sortBy=password&page=-1", "?rating=²&page=x", "?page=" + "9" * 50):
        assert len(ratings(odd)) == 10
    page = Client().get(path).content.decode()
    assert "3.9" in page
    assert "?rating=5" in page


def test_the_products_page_shows_the_rating_and_the_latest(product: Product) -> None:
    empty = Client().get(product.get_absolute_url()).content.decode()
    assert "Nobody has written about it yet" in empty
    for number in range(4):
        review_of(product, title=f"Opinion {number}")
    page = Client().get(product.get_absolute_url()).content.decode()
    assert "Rated 4.0 of 5 by" in page
    assert "All 4 reviews" in page
    assert ["Opinion 0" in page, "Opinion 3" in page] == [False, True]
    assert "Rated 4.0 of 5 by" in Client().get("/products/").content.decode()


def test_ones_own_reviews_and_what_is_still_to_review(customer: User, browser: Client, review: Review) -> None:
    unreviewed = bought(customer)
    hidden = review_of(bought(customer), customer, approved=False)
    operations.reject(hidden, now=timezone.now())
    operations.reply(review, "Thank you for <this>")
    review_of(bought(UserFactory.create()), title="Not mine")
    page = browser.get("/account/reviews/").content.decode()
    assert unreviewed.name in page
    assert "Not shown" in page
    assert "Thank you for &lt;this&gt;" in page
    assert "Not mine" not in page


def test_anothers_review_is_as_missing(review: Review, browser: Client) -> None:
    reader = Client()
    reader.force_login(UserFactory.create())
    for public_id in (review.public_id, "review_0"):
        assert reader.post(f"/reviews/{public_id}/delete/").status_code == 404
    assert Review.objects.count() == 1


def test_reporting_asks_first(review: Review) -> None:
    reader = Client()
    path = f"/reviews/{review.public_id}/report/"
    assert reader.get(path).headers["Location"].startswith("/account/login/")
    reader.force_login(UserFactory.create())
    assert "Report this review" in reader.get(path).content.decode()
    assert not review.reports.exists()
    assert reader.post(path).headers["Location"] == reviews_path(review.product)
    assert review.reports.count() == 1


@pytest.mark.parametrize(("path", "queries"), [("reviews/", 5), ("", 13)])
def test_queries_do_not_grow_with_the_rows(
    path: str, queries: int, product: Product, django_assert_num_queries: Any
) -> None:
    client = Client()
    for _ in range(2):
        review_of(product)
        with django_assert_num_queries(queries):
            assert client.get(product.get_absolute_url() + path).status_code == 200


def test_an_order_that_arrived_leads_to_the_review(customer: User, browser: Client, product: Product) -> None:
    order = customer.orders.get()
    link = f"{reviews_path(product)}mine/"
    assert link in browser.get(order.get_absolute_url()).content.decode()
    assert link not in Client().get(f"{order.get_absolute_url()}?token={order.access_token}").content.decode()
