"""Promotions as staff enter them: by name and amount, refused in words, tried before shoppers do."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.tests.factories import StaffFactory
from pricing.models import Coupon, Promotion, PromotionUse
from pricing.operations import Applied, claim, customer_key
from pricing.tests.factories import coupon, stored_promotion
from shop.models import OutboxEvent

from .factories import CategoryFactory, VariantFactory

pytestmark = pytest.mark.django_db
ADD = "/admin/pricing/promotion/add/"


def form(**values: Any) -> dict[str, Any]:
    return {
        "name": "Spring", "phase": "order", "action": "percent", "percent": "10", "min_quantity": "0",
        "priority": "100", "is_active": "on", "combines_with": ["line", "order", "shipping"],
    } | values  # fmt: skip


def change(promotion: Promotion) -> str:
    return f"/admin/pricing/promotion/{promotion.pk}/change/"


def errors_of(response: Any) -> dict[str, list[str]]:
    assert response.status_code == 200
    return dict(response.context["adminform"].form.errors)


# --- Entering


def test_what_it_is_for_is_chosen_by_name(admin_browser: Client) -> None:
    table = CategoryFactory.create(name="Table")
    mug = VariantFactory.create(sku="MUG-T", product__name="Harbour mug", product__slug="harbour-mug")
    values = form(
        categories=[f"category:{table.url_path}"],
        articles="harbour-mug\nMUG-T",
        excluded_articles="MUG-T",
        countries="Germany\nAT",
        min_goods_minor="50.00",
        starts_at_0="2026-12-01",
        starts_at_1="00:00",
    )
    assert admin_browser.post(ADD, values).status_code == 302
    promotion = Promotion.objects.get()
    assert promotion.targets == [f"category:{table.url_path}", f"product:{mug.product.public_id}", "sku:MUG-T"]
    assert promotion.excluded_targets == ["sku:MUG-T"]
    assert (promotion.countries, promotion.min_goods_minor) == (["DE", "AT"], 5000)
    assert promotion.combines_with == ["line", "order", "shipping", "catalogue"]
    assert OutboxEvent.objects.filter(topic="promotion.changed").count() == 1

    shown = admin_browser.get(change(promotion)).context["adminform"].form
    assert shown["articles"].value() == "harbour-mug\nMUG-T"
    assert admin_browser.post(change(promotion), values | {"name": "Autumn"}).status_code == 302
    kept, promotion = promotion, Promotion.objects.get()
    assert (promotion.name, promotion.targets, promotion.excluded_targets) == (
        "Autumn",
        kept.targets,
        kept.excluded_targets,
    )


@pytest.mark.parametrize(
    ("values", "field", "text"),
    [
        ({"action": "free_shipping"}, "action", "can have: Percent off, Amount off."),
        ({"percent": ""}, "percent", "Say how many percent."),
        ({"percent": "101"}, "percent", "At most 100."),
        ({"action": "amount"}, "amount_minor", "Say how much."),
        ({"action": "amount", "amount_minor": "1.999"}, "amount_minor", "2 decimal places"),
        ({"phase": "line", "action": "buy_x_get_y", "buy_quantity": "2"}, "get_quantity", "At least 1."),
        ({"articles": "NOTHING"}, "articles", "neither a SKU nor the address of a product"),
        ({"countries": "Atlantis"}, "countries", "is no country"),
        ({"phase": "catalogue", "needs_coupon": "on"}, "needs_coupon", "the same for everybody"),
        ({"starts_at_0": "2026-12-02", "starts_at_1": "00:00", "ends_at_0": "2026-12-01", "ends_at_1": "00:00"},
         "ends_at", "Must be after the start."),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(values: dict[str, Any], field: str, text: str, admin_browser: Client) -> None:
    found = errors_of(admin_browser.post(ADD, form(**values)))
    assert list(found) == [field]
    assert text in found[field][0]
    assert not Promotion.objects.exists()


def use(row: Promotion | Coupon, *references: str) -> None:
    promotion = row.promotion if isinstance(row, Coupon) else row
    for reference in references:
        applied = Applied(promotion, row if isinstance(row, Coupon) else None, 1, (1,))
        claim([applied], reference=reference, customer=customer_key("ada@example.com"), now=timezone.now())


def test_a_limit_counts_what_was_used_before_it(admin_browser: Client) -> None:
    promotion = stored_promotion()
    use(promotion, "order:1", "order:2")
    found = errors_of(admin_browser.post(change(promotion), form(usage_limit="1")))
    assert found == {"usage_limit": ["2 orders have used it already."]}
    found = errors_of(admin_browser.post(change(promotion), form(new_customers_only="on")))
    assert list(found) == ["new_customers_only"]
    assert admin_browser.post(change(promotion), form(usage_limit="2")).status_code == 302
    promotion.refresh_from_db()
    assert (promotion.usage_limit, promotion.used) == (2, 2)


def test_promotions_and_coupons_are_never_deleted(admin_browser: Client) -> None:
    code = coupon()
    for address in (f"promotion/{code.promotion.pk}", f"coupon/{code.pk}"):
        assert admin_browser.post(f"/admin/pricing/{address}/delete/", {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("count", [1, 7])
def test_the_list_says_how_it_stands(count: int, admin_browser: Client, django_assert_max_num_queries: Any) -> None:
    now = timezone.now()
    for _ in range(count):
        stored_promotion(name="On")
        stored_promotion(name="Later", starts_at=now + timedelta(days=1))
        stored_promotion(name="Over", ends_at=now)
        stored_promotion(name="Off", is_active=False)
        stored_promotion(name="Spent", usage_limit=0)
    with django_assert_max_num_queries(10):
        page = admin_browser.get("/admin/pricing/promotion/").content.decode()
    for state in ("Active", "Scheduled", "Ended", "Switched off", "Used up"):
        assert page.count(f">{state}<") == count


# --- Codes


def test_many_codes_at_once_and_as_a_file(admin_browser: Client) -> None:
    promotion = stored_promotion(needs_coupon=True)
    address = f"/admin/pricing/promotion/{promotion.pk}/codes"
    assert admin_browser.post(f"{address}/", {"count": "60", "usage_limit": "1"}).status_code == 302
    assert promotion.coupons.count() == 60
    page = admin_browser.get(f"{address}/").content.decode()
    assert "60 codes" in page and "The newest 50 are shown." in page
    answer = admin_browser.get(f"{address}.csv")
    rows = answer.content.decode().splitlines()
    assert answer["Content-Type"].startswith("text/csv")
    assert rows[0] == "code,state,orders,limit"
    assert set(rows[1:]) == {f"{code},Active,0,1" for code in promotion.coupons.values_list("code", flat=True)}


def test_codes_need_their_own_permission() -> None:
    promotion = stored_promotion(needs_coupon=True)
    client = Client()
    client.force_login(StaffFactory.create(permissions=["pricing.view_promotion"]))
    for address in ("codes/", "codes.csv"):
        assert client.get(f"/admin/pricing/promotion/{promotion.pk}/{address}").status_code == 403
    client.force_login(StaffFactory.create(permissions=["pricing.view_promotion", "pricing.view_coupon"]))
    assert client.get(f"/admin/pricing/promotion/{promotion.pk}/codes/").status_code == 200
    assert client.post(f"/admin/pricing/promotion/{promotion.pk}/codes/", {"count": "1"}).status_code == 403
    assert not Coupon.objects.exists()


def test_a_code_of_ones_own(admin_browser: Client) -> None:
    promotion = stored_promotion(needs_coupon=True)
    add = "/admin/pricing/coupon/add/"
    values = {"promotion": promotion.pk, "code": "Summer-20", "is_active": "on"}
    assert admin_browser.post(add, values).status_code == 302
    found = errors_of(admin_browser.post(add, values | {"code": "SUMMER20"}))
    assert found == {"code": ["The code Summer-20 is there already; shoppers could not tell them apart."]}
    assert list(errors_of(admin_browser.post(add, values | {"code": "=1+1"}))) == ["code"]
    other = stored_promotion()
    assert list(errors_of(admin_browser.post(add, values | {"code": "OTHER", "promotion": other.pk}))) == ["promotion"]


def test_saving_a_code_leaves_its_count_alone(admin_browser: Client) -> None:
    code = coupon("ONCE", usage_limit=3)
    use(code, "order:1", "order:2")
    address = f"/admin/pricing/coupon/{code.pk}/change/"
    found = errors_of(admin_browser.post(address, {"code": "ONCE", "is_active": "on", "usage_limit": "1"}))
    assert found == {"usage_limit": ["2 orders have used it already."]}
    assert admin_browser.post(address, {"code": "TWICE", "usage_limit": "2"}).status_code == 302
    code.refresh_from_db()
    assert (code.code, code.folded, code.used, code.usage_limit, code.is_active) == ("TWICE", "TWICE", 2, 2, False)


# --- Trying


def test_trying_tells_what_counts_and_what_does_not(admin_browser: Client) -> None:
    VariantFactory.create(sku="MUG", price_minor=2400, product__name="Mug")
    code = coupon("WELCOME10", of=stored_promotion(name="To start with", needs_coupon=True, new_customers_only=True))
    stored_promotion(name="From a hundred", min_goods_minor=10000)
    asked = {"bag": "MUG 2", "codes": "welcome10\nxyz", "country": "DE", "delivery_minor": "4.90", "buyer": "new"}
    before = (Promotion.objects.count(), PromotionUse.objects.count(), OutboxEvent.objects.count())
    page = admin_browser.get("/admin/pricing/promotion/try/", asked)
    quote, text = page.context["quote"], page.content.decode()
    assert (quote.total_minor, [each.promotion for each in quote.applied]) == (4810, [code.promotion])
    assert "“xyz” is not valid." in text
    assert "From a hundred needs goods for €100.00; €52.00 are missing." in text
    assert (Promotion.objects.count(), PromotionUse.objects.count(), OutboxEvent.objects.count()) == before

    known = admin_browser.get("/admin/pricing/promotion/try/", asked | {"buyer": "known"})
    assert "WELCOME10 is for a first order." in known.content.decode()
    use(code, "order:1")
    used = admin_browser.get("/admin/pricing/promotion/try/", asked | {"email": "Ada@example.com"})
    assert "You have used WELCOME10 already." in used.content.decode()


def test_trying_another_day(admin_browser: Client) -> None:
    VariantFactory.create(sku="MUG", price_minor=2400)
    stored_promotion(name="Then", starts_at=timezone.now() + timedelta(days=30))
    asked = {"bag": "MUG x2", "country": "DE"}
    assert admin_browser.get("/admin/pricing/promotion/try/", asked).context["quote"].discount_minor == 0
    later = timezone.localtime() + timedelta(days=31)
    asked |= {"at_0": f"{later:%Y-%m-%d}", "at_1": f"{later:%H:%M}"}
    assert admin_browser.get("/admin/pricing/promotion/try/", asked).context["quote"].discount_minor == 480


@pytest.mark.parametrize("bag", ["NOTHING 1", "MUG 0", "MUG 999999999999", "", "MUG -1"])
def test_a_bag_that_can_not_be(bag: str, admin_browser: Client) -> None:
    VariantFactory.create(sku="MUG")
    page = admin_browser.get("/admin/pricing/promotion/try/", {"bag": bag, "country": "DE"})
    assert page.status_code == 200
    assert "bag" in page.context["form"].errors
