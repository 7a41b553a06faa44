"""An invoice on paper: A4, as many pages as it takes, the same bytes each time for the same rows.

Positions are points from the page's upper left corner, as a reader's eye goes.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.numbers import format_decimal
from django.conf import settings
from django.utils.formats import date_format
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import simpleSplit
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from shop.money import Money, exponent, to_decimal

from ..models import Invoice, InvoiceLine

FONTS = Path(__file__).resolve().parent.parent / "fonts"
TEXT, STRONG = "InvoiceSans", "InvoiceSans-SemiBold"
WIDTH, HEIGHT = A4
LEFT, RIGHT = 56.0, WIDTH - 56.0
# Where the table ends on a page that another one follows, and where it begins there.
BOTTOM, NEXT_TOP = HEIGHT - 118, 132.0
INK, SOFT, LINE, ACCENT = (0.11, 0.10, 0.09), (0.43, 0.41, 0.38), (0.84, 0.82, 0.79), (0.66, 0.26, 0.12)
NAME_WIDTH = 168.0
# Right edges of the columns behind the name.
QUANTITY, UNIT_PRICE, NET, RATE, TAX, GROSS = (LEFT + offset for offset in (205, 270, 333, 370, 422, RIGHT - LEFT))
FACTS, FACT_VALUES = 332.0, 412.0
LEADING = 11.5


def render(invoice: Invoice) -> bytes:
    """The document as PDF. Reads prefetched lines."""
    _register_fonts()
    out = BytesIO()
    # `invariant` leaves out the clock and random ids: one document is one file, whoever asks and whenever.
    canvas = Canvas(out, pagesize=A4, invariant=True, pageCompression=1, lang=settings.LANGUAGE_CODE)
    canvas.setTitle(f"{invoice.get_kind_display()} {invoice.number}")
    canvas.setAuthor(invoice.seller["name"])
    canvas.setSubject(f"Order {invoice.order_number}")
    canvas.setCreator(settings.SHOP_NAME)
    pages = _Sheet(None, invoice, 0).draw()
    _Sheet(canvas, invoice, pages).draw()
    canvas.save()
    return out.getvalue()


@cache
def _register_fonts() -> None:
    pdfmetrics.registerFont(TTFont(TEXT, FONTS / "invoice-sans-regular.ttf"))
    pdfmetrics.registerFont(TTFont(STRONG, FONTS / "invoice-sans-semibold.ttf"))


class _Sheet:
    """Draws page after page. Without a canvas it only counts them, so that each can say of how many it is."""

    def __init__(self, canvas: Canvas | None, invoice: Invoice, pages: int) -> None:
        self.canvas, self.invoice, self.pages = canvas, invoice, pages
        self.page, self.y, self.carried = 1, 0.0, 0

    def draw(self) -> int:
        self.letterhead()
        self.parties()
        self.title()
        self.table_head()
        for line in self.invoice.lines.all():
            self.line(line)
        self.sums()
        self.notes()
        self.footer()
        return self.page

    # --- The parts, from the top down

    def letterhead(self) -> None:
        seller = self.invoice.seller
        self.text(LEFT, 66, seller["name"], STRONG, 19)
        self.lines(RIGHT, 52, [*seller["lines"], seller["tax_id"]], size=8, colour=SOFT, align="right")

    def parties(self) -> None:
        """The buyer where a window envelope shows it, what the document is about beside it."""
        buyer, top = self.invoice.buyer, 140.0
        seller = self.invoice.seller
        self.text(LEFT, top - 14, " · ".join([seller["name"], *seller["lines"]]), TEXT, 6.5, SOFT, width=235)
        self.lines(LEFT, top + 2, buyer["lines"] or ["(The buyer's name is no longer kept.)"], size=10, width=235)
        facts = [
            ("Number", self.invoice.number),
            ("Date of issue", _day(self.invoice.issued_on)),
            ("Date of supply", self.supply()),
            ("Order", self.invoice.order_number),
            ("Ordered on", _day(self.invoice.ordered_on)),
        ]
        if self.invoice.corrects:
            facts.insert(1, ("Corrects invoice", self.invoice.corrects.number))
        y = top + 2
        for name, value in facts:
            self.text(FACTS, y, name, TEXT, 8.5, SOFT)
            font = STRONG if name == "Number" else TEXT
            for row in self.split(value, RIGHT - FACT_VALUES):
                self.text(FACT_VALUES, y, row, font, 8.5)
                y += 11
            y += 3.5
        if buyer["delivery"]:
            self.text(FACTS, y, "Delivered to", TEXT, 8.5, SOFT)
            y = self.lines(FACT_VALUES, y, buyer["delivery"], size=8.5, width=RIGHT - FACT_VALUES)
        self.y = max(y, top + 14 * len(buyer["lines"]))

    def supply(self) -> str:
        first, last = self.invoice.supplied_from, self.invoice.supplied_to
        if first is None or last is None:
            return "on delivery"
        days = _day(first) if first == last else _days(first, last)
        return days if self.invoice.is_supplied else f"{days} (expected)"

    def title(self) -> None:
        self.y = max(self.y + 34, 262)
        self.text(LEFT, self.y, self.heading(), STRONG, 15)
        if self.invoice.reason:
            self.y += 15
            self.text(LEFT, self.y, f"Reason: {self.invoice.reason}", TEXT, 9, SOFT)
        self.y += 26

    def heading(self) -> str:
        return f"{self.invoice.get_kind_display()} {self.invoice.number}"

    def table_head(self) -> None:
        currency = self.invoice.currency
        price = "Unit price" if not self.invoice.prices_include_tax else "Price with tax"
        self.text(LEFT, self.y, "Article", STRONG, 7.5, SOFT)
        heads = (
            (QUANTITY, "Quantity"),
            (UNIT_PRICE, price),
            (NET, "Net"),
            (RATE, "Rate"),
            (TAX, "Tax"),
            (GROSS, f"Gross {currency}"),
        )
        for x, head in heads:
            self.text(x, self.y, head, STRONG, 7.5, SOFT, align="right")
        self.rule(self.y + 6, INK, 0.8)
        self.y += 20

    def line(self, line: InvoiceLine) -> None:
        names = self.split(line.name, NAME_WIDTH, size=9)
        notes = self.notes_of(line)
        height = LEADING * len(names) + 9.5 * len(notes) + 8
        if self.y + height > BOTTOM:
            self.break_page()
        top = self.y
        self.lines(LEFT, top, names, size=9)
        self.lines(LEFT, top + LEADING * len(names) - 1, notes, size=7.5, colour=SOFT, leading=9.5)
        cells = (
            (QUANTITY, f"{line.quantity} {line.unit}".strip() if line.quantity else ""),
            (UNIT_PRICE, self.amount(line.unit_price_minor) if line.quantity else ""),
            (NET, self.amount(line.net_minor)),
            (RATE, _percent(line.tax_rate)),
            (TAX, self.amount(line.tax_minor)),
            (GROSS, self.amount(line.gross_minor)),
        )
        for x, cell in cells:
            self.text(x, top, cell, TEXT, 9, align="right")
        self.carried += line.gross_minor
        self.y = top + height
        self.rule(self.y - 9, LINE, 0.4)
        self.y += 5

    def notes_of(self, line: InvoiceLine) -> list[str]:
        notes = [f"Article {line.sku}"] if line.sku else []
        if line.discount_minor and line.quantity:
            notes.append(f"Discount −{self.amount(line.discount_minor)}, taken off")
        if not line.quantity:
            notes.append("Price reduced")
        return notes

    def break_page(self) -> None:
        """The sum so far at the foot of the page and at the head of the next."""
        self.carry(BOTTOM + 8, "Carried over")
        self.footer()
        self.page += 1
        self.text(LEFT, 66, self.invoice.seller["name"], STRONG, 12)
        about = f"{self.heading()} · {_day(self.invoice.issued_on)} · order {self.invoice.order_number}"
        self.text(RIGHT, 66, about, TEXT, 8.5, SOFT, align="right")
        self.y = NEXT_TOP - 34
        self.table_head()
        self.carry(self.y, "Carried over")
        self.rule(self.y + 8, LINE, 0.4)
        self.y += 22

    def carry(self, y: float, label: str) -> None:
        self.text(LEFT, y, label, STRONG, 8.5, SOFT)
        self.text(GROSS, y, self.amount(self.carried), STRONG, 8.5, SOFT, align="right")

    def sums(self) -> None:
        rates = self.invoice.rates
        shown = self.discounts()
        needed = 60 + 14 * (len(rates) + len(shown)) + LEADING * len(self.payment_rows())
        if self.y + needed > BOTTOM + 22:
            self.break_page()
        self.y += 6
        for rate in rates:
            self.text(UNIT_PRICE, self.y, f"Tax {_percent(rate.rate)}", TEXT, 8.5, SOFT, align="right")
            for x, minor in ((NET, rate.net_minor), (TAX, rate.tax_minor), (GROSS, rate.gross_minor)):
                self.text(x, self.y, self.amount(minor), TEXT, 8.5, SOFT, align="right")
            self.y += 14
        self.rule(self.y - 4, INK, 0.8, start=UNIT_PRICE - 62)
        self.y += 12
        is_credit = self.invoice.kind == Invoice.Kind.CREDIT_NOTE
        self.text(UNIT_PRICE, self.y, "Credited" if is_credit else "Total", STRONG, 10.5, align="right")
        self.text(NET, self.y, self.amount(self.invoice.net_minor), TEXT, 8.5, SOFT, align="right")
        self.text(TAX, self.y, self.amount(self.invoice.tax_minor), TEXT, 8.5, SOFT, align="right")
        total = str(Money(self.invoice.total_minor, self.invoice.currency))
        self.text(GROSS, self.y, total, STRONG, 10.5, ACCENT, align="right")
        self.y += 20
        for row in shown:
            self.text(GROSS, self.y, row, TEXT, 8, SOFT, align="right")
            self.y += 12

    def discounts(self) -> list[str]:
        def code(each: dict[str, Any]) -> str:
            return f" ({each['code']})" if each["code"] else ""

        return [
            f"Included: {each['name']}{code(each)} −{self.amount(each['amount_minor'])}"
            for each in self.invoice.discounts
        ]

    def payment_rows(self) -> list[str]:
        return [row for part in self.invoice.payment_note.split("\n") for row in self.split(part, 420, size=9)]

    def notes(self) -> None:
        self.y += 14
        self.lines(LEFT, self.y, self.payment_rows(), size=9)

    def footer(self) -> None:
        y = HEIGHT - 62
        self.rule(y - 12, LINE, 0.4)
        seller = self.invoice.seller
        rows = self.split(" · ".join([seller["name"], *seller["footer"]]), 380, size=7.5)
        self.lines(LEFT, y, rows[:3], size=7.5, colour=SOFT, leading=9.5)
        self.text(RIGHT, y, f"Page {self.page} of {self.pages}", TEXT, 7.5, SOFT, align="right")
        if self.canvas:
            self.canvas.showPage()

    # --- Pen and ruler

    def amount(self, minor: int) -> str:
        decimals = exponent(self.invoice.currency)
        pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
        return format_decimal(to_decimal(minor, self.invoice.currency), format=pattern, locale=settings.SHOP_LOCALE)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        font: str = TEXT,
        size: float = 9,
        colour: tuple[float, float, float] = INK,
        *,
        align: str = "left",
        width: float = 0,
    ) -> None:
        if not self.canvas:
            return
        text = _plain(text)
        if width:
            text = next(iter(simpleSplit(text, font, size, width)), "")
        self.canvas.setFont(font, size)
        self.canvas.setFillColorRGB(*colour)
        draw = self.canvas.drawRightString if align == "right" else self.canvas.drawString
        draw(x, HEIGHT - y, text)

    def lines(
        self,
        x: float,
        y: float,
        rows: Sequence[str],
        *,
        size: float,
        colour: tuple[float, float, float] = INK,
        align: str = "left",
        width: float = 0,
        leading: float = 0,
    ) -> float:
        """One below the other; answers where the next one would stand."""
        for row in rows:
            for part in self.split(row, width, size=size) if width else [row]:
                self.text(x, y, part, TEXT, size, colour, align=align)
                y += leading or size * 1.28
        return y

    def split(self, text: str, width: float, *, size: float = 8.5) -> list[str]:
        """In rows of that width; a word that is too long for one is cut, or it would run over its neighbours."""
        rows: list[str] = []
        for row in simpleSplit(_plain(text), TEXT, size, width):
            while pdfmetrics.stringWidth(row, TEXT, size) > width:
                fits = next(
                    n for n in range(len(row) - 1, 0, -1) if pdfmetrics.stringWidth(row[:n], TEXT, size) <= width
                )
                rows.append(row[:fits])
                row = row[fits:]
            rows.append(row)
        return rows or [""]

    def rule(self, y: float, colour: tuple[float, float, float], thickness: float, *, start: float = LEFT) -> None:
        if self.canvas:
            self.canvas.setStrokeColorRGB(*colour)
            self.canvas.setLineWidth(thickness)
            self.canvas.line(start, HEIGHT - y, RIGHT, HEIGHT - y)


def _plain(text: str) -> str:
    """Without what a page can't show: a line break in a name would be drawn as a box."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _day(day: date) -> str:
    return date_format(day, "j F Y")


def _days(first: date, last: date) -> str:
    start = "j" if (first.year, first.month) == (last.year, last.month) else "j F Y"
    return f"{date_format(first, start)} to {_day(last)}"


def _percent(rate: Decimal) -> str:
    return f"{(rate * 100).normalize():f} %"
