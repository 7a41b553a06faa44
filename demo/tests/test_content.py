"""The demo shop's texts and pictures hold together: what the loader and the shop window rely on."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

DEMO = Path(__file__).resolve().parent.parent
CONTENT, PICTURES = DEMO / "content", DEMO / "pictures"
KINDS: dict[str, Any] = {"text": str, "choice": str, "boolean": bool, "number": (int, float)}


def load(name: str) -> Any:
    return json.loads((CONTENT / name).read_text(encoding="utf-8"))


PRODUCTS: list[dict[str, Any]] = [
    json.loads(line) for line in (CONTENT / "products.jsonl").read_text(encoding="utf-8").splitlines()
]
CATEGORIES: list[dict[str, Any]] = load("categories.json")
ATTRIBUTES: dict[str, dict[str, Any]] = {attribute["code"]: attribute for attribute in load("attributes.json")}
each_product = pytest.mark.parametrize("product", PRODUCTS, ids=[product["name"] for product in PRODUCTS])


def sold(product: dict[str, Any]) -> list[dict[str, Any]]:
    """What is put on the shelf: the variants, or the simple product itself."""
    return product.get("variants") or [product]


def sentences(text: str) -> list[str]:
    return [part.strip().lower() for part in re.split(r"(?<=[.!?])\s+", text) if part.strip()]


def is_ean13(code: str) -> bool:
    weighted = sum(int(digit) * (3 if i % 2 else 1) for i, digit in enumerate(code))
    return len(code) == 13 and code.isdigit() and weighted % 10 == 0


def duplicates(values: list[str]) -> list[str]:
    return [value for value, count in Counter(values).items() if count > 1]


def test_there_are_sixty_products_with_names_of_their_own() -> None:
    assert len(PRODUCTS) == 60
    assert not duplicates([product["name"] for product in PRODUCTS])


def test_skus_and_barcodes_are_unique() -> None:
    shelf = [item for product in PRODUCTS for item in sold(product)]
    assert not duplicates([item["sku"] for item in shelf])
    assert not duplicates([item["barcode"] for item in shelf])


def test_no_sentence_is_said_twice() -> None:
    rooms = [*CATEGORIES, *(child for category in CATEGORIES for child in category["children"])]
    texts = [thing["description"] for thing in [*PRODUCTS, *rooms]]
    assert not duplicates([sentence for text in texts for sentence in sentences(text)])


def test_eight_rooms_with_two_to_four_shelves_each() -> None:
    assert len(CATEGORIES) == 8
    assert all(2 <= len(category["children"]) <= 4 for category in CATEGORIES)
    slugs = [category["slug"] for category in CATEGORIES]
    assert not duplicates(slugs)
    for category in CATEGORIES:
        assert not duplicates([child["slug"] for child in category["children"]])


def test_no_shelf_is_empty() -> None:
    shelves = {f"{room['name']} > {child['name']}" for room in CATEGORIES for child in room["children"]}
    assert {product["category"] for product in PRODUCTS} == shelves


def test_every_picture_is_shown_and_every_shown_picture_exists() -> None:
    shown = {name for product in PRODUCTS for name in product["images"]}
    shown |= {category["image"] for category in CATEGORIES} | {load("home.json")["hero"]["image"]}
    assert shown == {file.name for file in PICTURES.iterdir()}


@pytest.mark.parametrize("file", sorted(PICTURES.iterdir()), ids=lambda file: file.name)
def test_a_picture_is_webp_large_enough_and_small_on_disk(file: Path) -> None:
    with Image.open(file) as picture:
        assert picture.format == "WEBP"
        assert picture.width >= 800 and picture.height >= 800
    assert file.stat().st_size < 100_000


def test_the_shelves_show_every_state_of_stock() -> None:
    stocks = [[item["stock"] for item in sold(product)] for product in PRODUCTS]
    assert sum(not any(stock) for stock in stocks) == 1, "one product entirely sold out"
    assert sum(any(stock) and not all(stock) for stock in stocks) == 1, "one product with a variant sold out"
    assert sum(0 < count <= 3 for stock in stocks for count in stock) >= 5, "several low"


def test_attributes_are_declared_once_and_all_of_them_are_used() -> None:
    assert len(ATTRIBUTES) == len(load("attributes.json"))
    used = {code for product in PRODUCTS for code in product["attributes"]}
    used |= {code for product in PRODUCTS for item in product.get("variants", []) for code in item["options"]}
    assert used == set(ATTRIBUTES)
    for attribute in ATTRIBUTES.values():
        assert attribute["kind"] in KINDS
        assert ("values" in attribute) == (attribute["kind"] == "choice")
    assert all(re.fullmatch("#[0-9a-f]{6}", value["swatch"]) for value in ATTRIBUTES["color"]["values"])


@each_product
def test_prices(product: dict[str, Any]) -> None:
    prices = [product["price"], *(item["price"] for item in product.get("variants", []) if "price" in item)]
    assert all(price > 0 and round(price, 2) == price for price in prices)
    assert product.get("compareAtPrice", max(prices) + 1) > max(prices)
    assert product["taxClass"] in {"standard", "reduced"}


@each_product
def test_description_is_a_paragraph(product: dict[str, Any]) -> None:
    assert 60 <= len(product["description"].split()) <= 120


@each_product
def test_pictures_have_words_for_those_who_cannot_see_them(product: dict[str, Any]) -> None:
    assert product["images"]
    assert len(product["imageAlts"]) == len(product["images"])
    assert all(alt.strip() for alt in product["imageAlts"])
    assert not duplicates(product["imageAlts"])
    for item in product.get("variants", []):
        assert set(item["images"]) <= set(product["images"])


@each_product
def test_barcodes_and_weights(product: dict[str, Any]) -> None:
    for item in sold(product):
        assert is_ean13(item["barcode"])
        assert item["weightGrams"] > 0
        assert item["stock"] >= 0


@each_product
def test_variants_differ_by_the_same_axes(product: dict[str, Any]) -> None:
    variants = product.get("variants", [])
    choices = [tuple(sorted(item["options"].items())) for item in variants]
    assert len(set(choices)) == len(choices)
    axes = {tuple(sorted(item["options"])) for item in variants}
    assert len(axes) <= 1
    for code, value in (pair for choice in choices for pair in choice):
        assert ATTRIBUTES[code]["isAxis"]
        assert value in {known["value"] for known in ATTRIBUTES[code]["values"]}


@each_product
def test_attribute_values_fit_their_kind(product: dict[str, Any]) -> None:
    for code, value in product["attributes"].items():
        attribute = ATTRIBUTES[code]
        assert isinstance(value, KINDS[attribute["kind"]])
        if attribute["kind"] == "choice":
            assert value in {known["value"] for known in attribute["values"]}
