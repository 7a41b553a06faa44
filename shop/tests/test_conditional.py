import pytest
from django.test import Client

pytestmark = pytest.mark.django_db
PRODUCTS = "/api/products"


def test_a_head_tells_how_long_the_answer_is() -> None:
    answer = Client().get(PRODUCTS)
    head = Client().head(PRODUCTS)
    assert (head.status_code, head.content, head["ETag"]) == (200, b"", answer["ETag"])
    assert head["Content-Length"] == str(len(answer.content))


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_has_not_changed_has_no_length(method: str) -> None:
    """RFC 9110, 8.6: a cache would take `0` for the length of the answer that it keeps."""
    etag = Client().get(PRODUCTS)["ETag"]
    answer = Client().generic(method, PRODUCTS, headers={"If-None-Match": etag})
    assert (answer.status_code, answer.content) == (304, b"")
    assert "Content-Length" not in answer
