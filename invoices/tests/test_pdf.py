"""What is on the paper. Its text is read back by the fonts' own tables; how it looks is in docs/images."""

import re
from typing import Any

import pytest
from django.utils import timezone
from reportlab.pdfbase.ttfonts import TTFont

from catalog.models import Variant
from checkout.tests.factories import ADDRESS, make_variant
from invoices import operations, queries
from invoices.models import Invoice
from invoices.operations import pdf
from invoices.operations.content import address_lines

from .factories import paid_order, write

pytestmark = pytest.mark.django_db(transaction=True)


class Words:
    """Keeps what is drawn on each page, in place of a pen."""

    def __init__(self, invoice: Invoice, monkeypatch: pytest.MonkeyPatch) -> None:
        self.pages: list[list[str]] = [[]]
        real = pdf.Canvas

        class Canvas(real):  # type: ignore[misc, valid-type]
            def drawString(canvas, x: float, y: float, text: str, **more: Any) -> None:
                self.pages[-1].append(text)
                super().drawString(x, y, text, **more)

            def drawRightString(canvas, x: float, y: float, text: str, **more: Any) -> None:
                self.pages[-1].append(text)
                super().drawRightString(x, y, text, **more)

            def showPage(canvas) -> None:
                self.pages.append([])
                super().showPage()

        with monkeypatch.context() as patch:
            patch.setattr(pdf, "Canvas", Canvas)
            self.bytes = operations.render(invoice)
        self.pages.pop()


def invoice_of(*variants: Variant, **values: Any) -> Invoice:
    order = paid_order(*variants, **values)
    [invoice] = write(order)
    return queries.get(order, invoice.number)


def test_the_same_rows_are_the_same_bytes() -> None:
    invoice = invoice_of()
    document = operations.render(invoice)
    assert document == operations.render(queries.get(invoice.order, invoice.number))
    assert f"/Title (Invoice {invoice.number})".encode() in document
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", document)
    assert box and (round(float(box[1])), round(float(box[2]))) == (595, 842)
    # Both fonts are in it, not only named.
    assert document.count(b"/FontFile2") == 2


def test_it_says_what_the_law_asks(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SHOP_SELLER_NAME, settings.SHOP_SELLER_ADDRESS = "Loam GmbH", ["Lindenallee 7", "10115 Berlin"]
    settings.SHOP_SELLER_TAX_ID = "VAT DE123456789"
    invoice = invoice_of()
    [words] = Words(invoice, monkeypatch).pages
    for text in (
        "Loam GmbH", "VAT DE123456789", "Ada Byron", invoice.number, f"{timezone.localdate():%-d %B %Y}",
        "2 pcs", "24.00", "40.34", "19 %", "7.66", "48.00", "Standard delivery", "4.90", "€52.90", "44.46", "8.44",
        "Page 1 of 1", invoice.order_number,
    ):  # fmt: skip
        assert text in words, text


def test_many_lines_take_many_pages_and_carry_their_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to where the sums no longer fit on the first page, and far beyond."""
    invoice = invoice_of()
    told = set()
    for count in range(1, 45):
        if count > 1:
            lengthen(invoice, position=count + 1)
        pages = Words(queries.get(invoice.order, invoice.number), monkeypatch).pages
        told.add(len(pages))
        assert sum(page.count("2 pcs") for page in pages) == count
        carried = 0
        for number, page in enumerate(pages, start=1):
            assert f"Page {number} of {len(pages)}" in page and "Quantity" in page
            sums = [page[place + 1] for place, word in enumerate(page) if word == "Carried over"]
            assert sums[: number > 1] == ([amount(carried)] if number > 1 else [])
            carried += 4800 * page.count("2 pcs") + 490 * page.count("Standard delivery")
            assert sums[number > 1 :] == ([amount(carried)] if number < len(pages) else [])
    assert told == {1, 2, 3, 4}


def amount(minor: int) -> str:
    return f"{minor / 100:,.2f}"


def lengthen(invoice: Invoice, *, position: int) -> None:
    """By one more line like its first."""
    line = invoice.lines.get(position=1)
    line.pk, line.position = None, position
    line.save(force_insert=True)


def test_long_names_and_three_scripts_stay_on_the_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    variant = make_variant(product__name="Donaudampfschifffahrtsgesellschaftskapitänsmützenhalter " * 3)
    buyer = ADDRESS | {"full_name": "Γεωργία Щедрина\nŻółć", "line1": "W" * 120}
    invoice = invoice_of(variant, billing_address=buyer)
    [words] = Words(invoice, monkeypatch).pages
    assert "Γεωργία Щедрина Żółć" in words
    assert max(map(len, words)) < 90


@pytest.mark.parametrize("font", ["regular", "semibold"])
def test_the_fonts_have_latin_greek_and_cyrillic(font: str) -> None:
    face = TTFont(font, pdf.FONTS / f"invoice-sans-{font}.ttf").face
    for text in ("ÅÇÉÑŐŘŞŽßøþ€−×·", "ΑΒΓΔΩαβγδώ", "АБВГЖЩЫЯабвжщыяєїґ"):
        assert not [letter for letter in text if ord(letter) not in face.charToGlyph]


def test_an_address_says_what_there_is() -> None:
    assert address_lines({"full_name": "Ada", "city": "Dublin", "region": "D", "country": "IE"}) == [
        "Ada", "Dublin, D", "Ireland",
    ]  # fmt: skip
    assert address_lines({"country": "DE", "postal_code": "10115"}) == ["10115", "Germany"]


def test_compressed_streams_hold_no_link_out() -> None:
    document = operations.render(invoice_of())
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", document, re.S):
        assert b"http" not in stream
    assert b"/URI" not in document and b"/JavaScript" not in document
