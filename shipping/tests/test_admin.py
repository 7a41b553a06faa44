"""Zones, methods, tables and holidays as staff type them."""

from typing import Any

import pytest
from django.test import Client

from accounts.tests.factories import StaffFactory
from shipping.models import Holiday, Rate, ShippingMethod, Zone

pytestmark = pytest.mark.django_db


def management(prefix: str, *rows: dict[str, Any], initial: int = 0) -> dict[str, Any]:
    form: dict[str, Any] = {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": initial}
    for number, row in enumerate(rows):
        form |= {f"{prefix}-{number}-{name}": value for name, value in row.items()}
    return form


def zone_form(*methods: dict[str, Any], **values: Any) -> dict[str, Any]:
    return (
        {"name": "Alps", "countries": "", "regions": "", "postal_codes": "", "excluded_postal_codes": ""}
        | values
        | (management("methods", *methods))
    )


def method_form(method: ShippingMethod, *rates: dict[str, Any], **values: Any) -> dict[str, Any]:
    initial = sum("id" in rate for rate in rates)
    return {
        "name": method.name, "code": method.code, "kind": "delivery", "zone": "", "pickup_address": "",
        "countries": "", "position": "1", "is_active": "on", "price_minor": "4.90", "free_from_minor": "",
        "basis": "flat", "tax_class": "standard", "min_goods_minor": "", "max_goods_minor": "",
        "max_weight_grams": "", "cut_off": "", "handling_days": "0", "min_days": "1", "max_days": "3",
        "leaves_on": ["0"], "arrives_on": ["0", "5"], "tracking_url": "",
    } | values | management("rates", *rates, initial=initial)  # fmt: skip


def errors_of(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200
    return dict(answer.context["adminform"].form.errors)


def test_a_zone_with_its_methods_is_typed_in_words_and_amounts(admin_browser: Client) -> None:
    method = {
        "name": "Alpine post", "code": "alpine", "price_minor": "12.50", "free_from_minor": "", "min_days": "2",
        "max_days": "4", "is_active": "on",
    }  # fmt: skip
    form = zone_form(method, countries="austria, CH\nLiechtenstein, at")
    assert admin_browser.post("/admin/shipping/zone/add/", form).status_code == 302
    zone = Zone.objects.get()
    assert zone.countries == ["AT", "CH", "LI"]
    assert zone.methods.get().price_minor == 1250
    page = admin_browser.get(f"/admin/shipping/zone/{zone.pk}/change/").text
    assert "Austria\nSwitzerland\nLiechtenstein" in page and 'value="12.50"' in page
    assert "Austria, Switzerland, Liechtenstein" in admin_browser.get("/admin/shipping/zone/").text


def test_a_new_method_begins_with_the_working_days(admin_browser: Client) -> None:
    fields = admin_browser.get("/admin/shipping/shippingmethod/add/").context["adminform"].form
    assert [fields[name].value() for name in ("leaves_on", "arrives_on")] == [[0, 1, 2, 3, 4]] * 2


def test_the_european_union_is_a_word(admin_browser: Client) -> None:
    admin_browser.post("/admin/shipping/zone/add/", zone_form(countries="eu, Norway"))
    zone = Zone.objects.get()
    assert (len(zone.countries), zone.countries[-1]) == (28, "NO")


@pytest.mark.parametrize(
    ("values", "field", "text"),
    [
        ({"countries": "Narnia"}, "countries", "“Narnia” is no country"),
        ({"countries": "DE, AT", "postal_codes": "20"}, "postal_codes", "exactly one country"),
        ({"regions": "Bavaria"}, "regions", "exactly one country"),
        ({"countries": "DE", "postal_codes": "30...20"}, "postal_codes", "nor a range: 30...20"),
        ({"countries": "DE", "excluded_postal_codes": "2*"}, "excluded_postal_codes", "nor a range: 2*"),
        ({"countries": "FR"}, "countries", "France: already in zone Here"),
        ({}, "countries", "The rest of the world: already in zone There"),
        ({"name": "Here", "countries": "IT"}, "name", "already exists"),
    ],
)
def test_zones_that_can_not_be(admin_browser: Client, values: dict[str, str], field: str, text: str) -> None:
    Zone.objects.create(name="Here", countries=["FR", "BE"])
    Zone.objects.create(name="There")
    found = errors_of(admin_browser.post("/admin/shipping/zone/add/", zone_form(**values)))
    assert list(found) == [field] and text in str(found[field])


def test_a_part_of_a_country_may_stand_beside_its_zone(admin_browser: Client) -> None:
    Zone.objects.create(name="Germany", countries=["DE"])
    admin_browser.post("/admin/shipping/zone/add/", zone_form(countries="Germany", postal_codes="20, 210...211"))
    assert Zone.objects.get(name="Alps").postal_codes == ["20", "210...211"]


@pytest.mark.parametrize(
    ("basis", "typed", "kept"),
    [("weight", "2.5", 2500), ("price", "2.5", 250), ("quantity", "2", 2), ("weight", "0", 0)],
)
def test_a_table_is_typed_in_the_units_of_its_method(admin_browser: Client, basis: str, typed: str, kept: int) -> None:
    method = ShippingMethod.objects.get()
    address = f"/admin/shipping/shippingmethod/{method.pk}/change/"
    form = method_form(method, {"from_value": typed, "price_minor": "9.90"}, basis=basis)
    assert admin_browser.post(address, form).status_code == 302
    rate = Rate.objects.get()
    assert (rate.from_value, rate.price_minor) == (kept, 990)
    shown = admin_browser.get(address).context["inline_admin_formsets"][0].formset.forms[0]["from_value"].value()
    assert float(shown) == float(typed)


def test_a_table_by_something_else_keeps_the_numbers_as_they_read(admin_browser: Client) -> None:
    """2 kilograms are 2.00 of value afterwards, not 20.00, which 2000 grams would be in cents."""
    method = ShippingMethod.objects.get()
    rate = Rate.objects.create(method=method, from_value=2000, price_minor=990)
    ShippingMethod.objects.update(basis="weight")
    row = {"id": rate.pk, "method": method.pk, "from_value": "2", "price_minor": "9.90"}
    admin_browser.post(f"/admin/shipping/shippingmethod/{method.pk}/change/", method_form(method, row, basis="price"))
    rate.refresh_from_db()
    assert rate.from_value == 200


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"kind": "pickup"}, "pickup_address"),
        ({"min_days": "4"}, "max_days"),
        ({"max_days": "91"}, "max_days"),
        ({"leaves_on": []}, "leaves_on"),
        ({"arrives_on": ["7"]}, "arrives_on"),
        ({"min_goods_minor": "10", "max_goods_minor": "9.99"}, "max_goods_minor"),
        ({"price_minor": "4.999"}, "price_minor"),
        ({"price_minor": "-1"}, "price_minor"),
        ({"max_weight_grams": "0.0001"}, "max_weight_grams"),
        ({"tracking_url": "http://carrier.example/{number}"}, "tracking_url"),
        ({"tracking_url": "https://carrier.example/track"}, "tracking_url"),
        ({"tracking_url": "https://{number}.example/"}, "tracking_url"),
        ({"tracking_url": "https://parcel-{number}.example/"}, "tracking_url"),
        ({"tracking_url": "javascript:alert({number})"}, "tracking_url"),
    ],
)
def test_methods_that_can_not_be(admin_browser: Client, values: dict[str, Any], field: str) -> None:
    method = ShippingMethod.objects.get()
    address = f"/admin/shipping/shippingmethod/{method.pk}/change/"
    assert list(errors_of(admin_browser.post(address, method_form(method, **values)))) == [field]


@pytest.mark.parametrize(
    ("basis", "typed"), [("quantity", "1.5"), ("price", "1.555"), ("weight", "1.5555"), ("weight", "-1")]
)
def test_steps_that_can_not_be(admin_browser: Client, basis: str, typed: str) -> None:
    method = ShippingMethod.objects.get()
    form = method_form(method, {"from_value": typed, "price_minor": "1"}, basis=basis)
    assert admin_browser.post(f"/admin/shipping/shippingmethod/{method.pk}/change/", form).status_code == 200
    assert not Rate.objects.exists()


def test_holidays(admin_browser: Client) -> None:
    form = {"date": "2026-12-25", "name": "Christmas", "country": "DE"}
    assert admin_browser.post("/admin/shipping/holiday/add/", form).status_code == 302
    assert Holiday.objects.get().country == "DE"
    again = admin_browser.post("/admin/shipping/holiday/add/", form)
    assert again.status_code == 200 and Holiday.objects.count() == 1
    assert "Germany" in admin_browser.get("/admin/shipping/holiday/").text


def test_trying_shows_what_a_buyer_would_be_offered(admin_browser: Client) -> None:
    zone = Zone.objects.create(name="France", countries=["FR"])
    method = ShippingMethod.objects.create(code="fr", name="Colis", zone=zone, price_minor=990, basis="weight")
    Rate.objects.create(method=method, from_value=2000, price_minor=1290)
    address = "/admin/shipping/zone/try/"
    assert "What would a buyer" in admin_browser.get(address).text
    query = {"country": "FR", "postal_code": "75001", "region": "", "goods_minor": "20", "weight_grams": "2.5",
             "quantity": "1"}  # fmt: skip
    page = admin_browser.get(address, query).text
    assert "Zone France" in page and "Colis" in page and "€12.90" in page and "arrives" in page
    ShippingMethod.objects.all().delete()
    assert "Nothing of ours goes there" in admin_browser.get(address, query).text
    assert admin_browser.get(address, query | {"weight_grams": "much"}).status_code == 200


def test_trying_is_for_staff_who_may_see_zones(client: Client) -> None:
    assert client.get("/admin/shipping/zone/try/").status_code == 302
    client.force_login(StaffFactory.create())
    assert client.get("/admin/shipping/zone/try/").status_code == 403


@pytest.mark.parametrize("rows", [2, 12])
def test_the_lists_ask_the_same_however_long(
    admin_browser: Client, rows: int, django_assert_max_num_queries: Any
) -> None:
    for number in range(rows):
        zone = Zone.objects.create(name=f"Z{number}", countries=["DE"])
        ShippingMethod.objects.create(code=f"m{number}", name=f"M{number}", zone=zone, price_minor=1)
    for name in ("zone", "shippingmethod"):
        admin_browser.get(f"/admin/shipping/{name}/")
        with django_assert_max_num_queries(10):
            admin_browser.get(f"/admin/shipping/{name}/")
