"""The demo's people, attributes and categories. What is there already is left alone, whatever became of it."""

import json
from pathlib import Path
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import Address, User
from catalog.models import Attribute, Category
from catalog.operations import make_category, store_picture

DEMO = Path(__file__).resolve().parent
CONTENT, PICTURES = DEMO / "content", DEMO / "pictures"
STAFF, CUSTOMER = "staff@example.com", "customer@example.com"


def prepare(password: str) -> None:
    """Makes everything that products need, and two accounts with this password; one that exists keeps its own.

    May be killed and run again. Locks: as the operations it calls.
    """
    make_people(password)
    make_attributes()
    make_categories(_read("categories.json"))


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


def _read(name: str) -> Any:
    return json.loads((CONTENT / name).read_text(encoding="utf-8"))
