import gzip
import json
import tracemalloc
from decimal import Decimal
from pathlib import Path

import pytest

from catalog.imports.mapping import BadMap, FieldMap
from catalog.imports.readers import MAX_ROW, Row, Source, UnreadableFile

MUG = {"sku": "MUG-1", "name": "Grüner Becher", "price": 24.5, "stock": 3}


def read(path: Path, content: bytes | str) -> list[Row]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with Source(path) as source:
        rows = list(source.rows())
        assert source.progress == 1
    return rows


def data(rows: list[Row]) -> list[dict]:
    assert not [row.error for row in rows if row.error]
    return [row.data for row in rows]


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.jsonl", json.dumps(MUG) + "\n\n" + json.dumps(MUG)),
        ("a.ndjson", json.dumps(MUG) + "\r\n" + json.dumps(MUG) + "\r\n"),
        ("a.json", json.dumps([MUG, MUG])),
        ("a.JSON", json.dumps({"source": {"products": 1}, "products": [MUG, MUG], "more": [1]}, indent=2)),
    ],
)
def test_every_format_reads_the_same(tmp_path: Path, name: str, text: str, mark: bytes, zipped: bool) -> None:
    content = mark + text.encode()
    rows = data(read(tmp_path / name, gzip.compress(content, mtime=0) if zipped else content))
    assert rows == [{**MUG, "price": Decimal("24.5")}] * 2


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_rows_are_flat_text_numbered_as_in_a_spreadsheet(tmp_path: Path, name: str, delimiter: str) -> None:
    lines = [["sku", "attributes.color", "price"], ["A", '"red\nand blue"', "1"], ["", "", ""], ["B", "", "2"]]
    rows = read(tmp_path / name, "\ufeff" + "\r\n".join(delimiter.join(cells) for cells in lines))
    assert [(row.number, row.is_flat, row.data) for row in rows] == [
        (2, True, {"sku": "A", "attributes.color": "red\nand blue", "price": "1"}),
        (4, True, {"sku": "B", "price": "2"}),
    ]


def test_a_broken_line_is_an_error_of_its_row(tmp_path: Path) -> None:
    lines = [
        b'{"sku": "A"}', b"{", b'{"sku": "\xff"}', b"[1]", b'{"price": NaN}', b'{"a": 1, "a": 2}', b'{"a": "\\u0000"}',
        b'{"a": "\\ud800"}', b"[" * 100_000, b'{"a": 1}{"a": 2}', b'{"n": ' + b"9" * 5000 + b"}", b'{"sku": "B"}',
    ]  # fmt: skip
    rows = read(tmp_path / "a.jsonl", b"\n".join(lines))
    assert [row.number for row in rows] == list(range(1, len(lines) + 1))
    assert [row.data for row in rows if not row.error] == [{"sku": "A"}, {"sku": "B"}]
    assert rows[2].error == "Not valid UTF-8."


def test_a_broken_csv_row_is_an_error_of_its_row(tmp_path: Path) -> None:
    content = b"sku,name\nA,x,y\nB,\xff\nC," + b"z" * 200_000 + b"\nD,a\x00b\nE,fine\n"
    rows = read(tmp_path / "a.csv", content)
    assert [bool(row.error) for row in rows] == [True, True, True, True, False]
    assert rows[4].data == {"sku": "E", "name": "fine"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", b'[{"sku": "A"}, {"sku": "B"'),
        ("a.json", b'[{"sku": "A"} {"sku": "B"}]'),
        ("a.json", b'{"products": [{"sku": "A"}'),
        ("a.jsonl", gzip.compress(b'{"sku": "A"}\n' * 5, mtime=0)[:-6]),
        ("a.jsonl.gz", gzip.compress(b'{"sku": "A"}\n' * 5, mtime=0) + b"rubbish"),
    ],
)
def test_a_damaged_file_yields_what_came_before_and_then_says_so(tmp_path: Path, name: str, content: bytes) -> None:
    rows = read(tmp_path / name, content)
    assert rows[0].data == {"sku": "A"}
    assert [bool(row.error) for row in rows][-1] is True
    assert not any(row.error for row in rows[:-1])


@pytest.mark.parametrize("content", [b"", b"7", b'{"items": []}', b'{"products": {}}', b"{}", b"\xff\xfe", b'{"a" 1}'])
def test_a_json_file_of_another_shape_is_one_error(tmp_path: Path, content: bytes) -> None:
    (row,) = read(tmp_path / "a.json", content)
    assert row.number == 1
    assert row.error


@pytest.mark.parametrize("content", [b"a,a\n1,2", b"a,,b\n1,2,3", b"", "sku,name\n".encode("utf-16")])
def test_a_csv_header_without_clear_names_is_one_error(tmp_path: Path, content: bytes) -> None:
    (row,) = read(tmp_path / "a.csv", content)
    assert row.error


def test_an_empty_list_has_no_rows(tmp_path: Path) -> None:
    assert read(tmp_path / "a.json", b" [ ] ") == []
    assert read(tmp_path / "a.jsonl", b"") == []


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile):
        read(tmp_path / "a.xlsx", b"")


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_memory_is_bounded_whatever_the_file_holds(tmp_path: Path, name: str) -> None:
    """A gigabyte in one line, compressed to a megabyte: never more than a few rows of it are in memory."""
    opening = {"a.jsonl": b'{"sku": "', "a.json": b'[{"sku": "', "a.csv": b'sku\n"'}[name]
    path = tmp_path / f"{name}.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(opening)
        for _ in range(100):
            file.write(b"x" * 1_000_000)
    tracemalloc.start()
    with Source(path) as source:
        rows = list(source.rows())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows
    assert all(row.error for row in rows)
    assert peak < 20 * MAX_ROW


# --- Maps


def test_a_map_renames_nests_collects_defaults_and_ignores() -> None:
    field_map = FieldMap(
        fields={"sku": "id", "stock": "current.stock", "attributes.style": "style", "images": ["photo", "more"]},
        defaults={"brand": "House", "name": "Unnamed", "taxClass": "reduced"},
        ignore=["rating"],
    )
    row = {"id": 7, "current": {"stock": 2}, "style": "5", "photo": "a.jpg", "more": None, "rating": 5, "name": "Mug"}
    row |= {"mispelt": 1, "brand": "Other"}
    assert field_map.apply(row, is_flat=False) == {
        "sku": "7",
        "stock": 2,
        "attributes": {"style": "5"},
        "images": ["a.jpg"],
        "name": "Mug",
        "mispelt": 1,
        "brand": "Other",
        "taxClass": "reduced",
    }


def test_flat_rows_nest_by_dots_and_get_the_types_of_their_fields() -> None:
    row = {
        "sku": "007",
        "name": "12",
        "price": "24.50",
        "stock": "-3",
        "isActive": "No",
        "images": "a.jpg | b.jpg",
        "attributes.capacity": "330",
        "variants.0.sku": "A",
        "variants.0.options.size": "38",
        "variants.1.sku": "B",
    }
    assert FieldMap().apply(row, is_flat=True) == {
        "sku": "007",
        "name": "12",
        "price": Decimal("24.50"),
        "stock": -3,
        "isActive": False,
        "images": ["a.jpg", "b.jpg"],
        "attributes": {"capacity": "330"},
        "variants": [{"sku": "A", "options": {"size": "38"}}, {"sku": "B"}],
    }


@pytest.mark.parametrize("price", ["=1+1", "1e9", "1,5", "١٢", "NaN", "0x10", "1_000", "12 EUR", ""])
def test_text_that_is_no_plain_number_is_left_to_the_schema(price: str) -> None:
    assert FieldMap().apply({"price": price}, is_flat=True) == {"price": price}


def test_columns_that_stand_beside_their_own_parent_do_no_harm() -> None:
    body = FieldMap().apply({"attributes": "x", "attributes.color": "red"}, is_flat=True)
    assert body == {"attributes": {"color": "red"}}


@pytest.mark.parametrize("content", ['{"felds": {}}', '{"fields": {"sku": 1}}', "[]", "{", ""])
def test_a_map_that_can_not_be_meant_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "map.json"
    path.write_text(content)
    with pytest.raises(BadMap):
        FieldMap.load(path)
    with pytest.raises(BadMap):
        FieldMap.load(tmp_path / "absent.json")
