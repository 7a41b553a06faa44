"""The demo's people, goods and history. What is there already is left alone, whatever became of it."""

import json
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts.models import Address, User
from catalog.models import Attribute, Category, Product
from catalog.operations import apply_sales, make_category, store_picture
from pricing.models import Coupon, Phase, Promotion
from recommendations.operations import generate as recommend
from shipping.models import Holiday, Rate, ShippingMethod, Zone, monday_to_friday
from shop.countries import EUROPEAN_UNION

from .history import is_new, plan_for, stock_anew, write
from .plan import arrival, midnight

DEMO = Path(__file__).resolve().parent
CONTENT, PICTURES = DEMO / "content", DEMO / "pictures"
STAFF, CUSTOMER = "staff@example.com", "customer@example.com"
SALE = {"name": "Autumn table", "action": "percent", "percent": 15, "targets": ["category:table"]}


def prepare(password: str) -> None:
    """Makes everything that products need, and two accounts with this password; one that exists keeps its own.

    May be killed and run again. Locks: as the operations it calls.
    """
    make_people(password)
    make_attributes()
    make_categories(_read("categories.json"))
    make_delivery(_read("delivery.json"))
    make_promotions(_read("promotions.json"))


@transaction.atomic
def make_people(password: str) -> None:
    if not User.objects.filter(email=STAFF).exists():
        User.objects.create_superuser(STAFF, password, first_name="Sam", last_name="Keller")
    if not User.objects.filter(email=CUSTOMER).exists():
        customer = User.objects.create_user(
            CUSTOMER, password, email_verified_at=timezone.now(), first_name="Ada", last_name="Brandt"
        )
        Address.objects.create(
            user=customer,
            full_name="Ada Brandt",
            line1="Lindenstraße 12",
            postal_code="10969",
            city="Berlin",
            country="DE",
            phone="+49 30 5550142",
        )


def make_attributes() -> None:
    Attribute.objects.bulk_create(
        [
            Attribute(
                code=attribute["code"],
                name=attribute["name"],
                kind=attribute["kind"],
                unit=attribute.get("unit", ""),
                choices=attribute.get("values", []),
                is_filterable=attribute["isFilterable"],
                is_axis=attribute["isAxis"],
                position=position,
            )
            for position, attribute in enumerate(_read("attributes.json"))
        ],
        ignore_conflicts=True,
    )


def make_categories(rows: list[dict[str, Any]], parents: tuple[str, ...] = (), path: str = "") -> None:
    """Categories in the order of the file, parents first."""
    for row in rows:
        names, url_path = (*parents, row["name"]), f"{path}{row['slug']}"
        if not Category.objects.filter(url_path=url_path).exists():
            _make_category(names, row)
        make_categories(row.get("children", []), names, f"{url_path}/")


def _make_category(names: tuple[str, ...], row: dict[str, Any]) -> None:
    picture = store_picture((PICTURES / row["image"]).read_bytes()).file if "image" in row else ""
    with transaction.atomic():
        category = make_category(list(names))
        category.description, category.image = row["description"], picture
        category.save(update_fields=["description", "image"])


@transaction.atomic
def make_delivery(rows: list[dict[str, Any]]) -> None:
    """Zones, ways of delivery and the days around the turn of two years; nothing once there is a zone."""
    if Zone.objects.exists():
        return
    home = settings.SHOP_COUNTRY
    known = {"HOME": [home], "EU": [code for code in EUROPEAN_UNION if code != home]}
    for row in rows:
        countries = [country for name in row["countries"] for country in known[name]]
        zone = Zone.objects.create(name=row["zone"], countries=countries)
        for position, method in enumerate(row["methods"], start=1):
            _make_method(zone, position, method)
    year = timezone.localdate().year
    Holiday.objects.bulk_create(
        [
            Holiday(date=date(year + ahead, month, day), name=name, country=home)
            for ahead in (0, 1)
            for month, day, name in ((1, 1, "New Year's Day"), (12, 25, "Christmas"), (12, 26, "Day after Christmas"))
        ],
        ignore_conflicts=True,
    )


@transaction.atomic
def make_promotions(rows: list[dict[str, Any]]) -> None:
    """What runs by itself and what a code opens; nothing once there is a promotion."""
    if Promotion.objects.exists():
        return
    for row in rows:
        code = row.pop("code", "")
        promotion = Promotion.objects.create(needs_coupon=bool(code), **row)
        if code:
            Coupon.objects.create(promotion=promotion, code=code)


def age(products: QuerySet[Product], *, now: datetime) -> None:
    """Spreads the days on which these came into the shop over the year before today: were all new, none would be."""
    rows = list(products.order_by("id"))
    for place, product in enumerate(rows):
        product.created_at = arrival(place, len(rows), midnight(now))
    Product.objects.bulk_update(rows, ["created_at"])


def make_history(*, now: datetime) -> int:
    """Ninety days of people, orders and reviews, for a shop that has had none; returns how many orders there are of it.

    Articles that have never been on a shelf are put there in any case. Locks: everything it writes, until all is there.
    """
    staff, customer = User.objects.filter(email=STAFF).first(), User.objects.filter(email=CUSTOMER).first()
    plan = plan_for(now, customer=customer)
    if staff and customer and is_new(plan):
        write(plan, staff=staff, customer=customer)
        recommend(now)
        return len(plan.purchases)
    stock_anew(plan)
    return 0


def begin_sale(*, now: datetime) -> None:
    """A sale that begins now and ends in two weeks, and its prices; nothing once there is one of them.

    Called when products have had a price before: the law wants to know which. Locks: as `apply_sales`.
    """
    if not Promotion.objects.filter(phase=Phase.CATALOGUE, ends_at__gt=now).exists():
        dates = {"starts_at": now, "ends_at": midnight(now) + timedelta(days=14)}
        Promotion.objects.create(phase=Phase.CATALOGUE, **SALE, **dates)
        apply_sales(now)


def _make_method(zone: Zone, position: int, row: dict[str, Any]) -> None:
    """The flat rate that every shop begins with has the same code as the first one here: it joins its zone."""
    table = row.get("byWeight", [])
    values = {
        "name": row["name"],
        "zone": zone,
        "position": position,
        "price_minor": row["price"],
        "free_from_minor": row.get("freeFrom"),
        "basis": ShippingMethod.Basis.WEIGHT if table else ShippingMethod.Basis.FLAT,
        "min_days": row["days"][0],
        "max_days": row["days"][1],
        "cut_off": time.fromisoformat(row["cutOff"]),
        "arrives_on": row.get("arrivesOn", monday_to_friday()),
        "max_weight_grams": row.get("maxGrams"),
        "tracking_url": row.get("tracking", ""),
    }
    if "pickup" in row:
        values |= {"kind": ShippingMethod.Kind.PICKUP, "pickup_address": row["pickup"]}
    method, _ = ShippingMethod.objects.update_or_create(code=row["code"], defaults=values)
    Rate.objects.bulk_create(Rate(method=method, from_value=grams, price_minor=price) for grams, price in table)


def _read(name: str) -> Any:
    return json.loads((CONTENT / name).read_text(encoding="utf-8"))
