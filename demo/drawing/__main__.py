"""Renders the drawings with a headless Chromium: `python -m demo.drawing [NAME ...]`; without names, all of them."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from demo.drawing.catalogue import PICTURES, Picture
from demo.drawing.solids import Canvas

FOLDER = Path(__file__).resolve().parent.parent / "pictures"
# What is only light or runs out of the picture does not count as the object's extent.
MEASURE = """() => { document.querySelectorAll('.air').forEach(e => e.style.display = 'none');
  const b = document.getElementById('things').getBBox(); return [b.x, b.y, b.width, b.height]; }"""


def show(page: Page, canvas: Canvas) -> None:
    page.set_content(f'<body style="margin:0">{canvas.svg()}</body>')


def fitted(page: Page, picture: Picture) -> Canvas:
    """The drawing at the scale and place where its object fills `span` of the picture, measured from a first draft."""
    draft = Canvas(picture.width, picture.height, 10.0, (0.0, 0.0), picture.pitch)
    picture.draw(draft)
    show(page, draft)
    x, y, width, height = page.evaluate(MEASURE)
    grow = picture.span * min(picture.width / width, picture.height / height)
    ground = (picture.width / 2 - (x + width / 2) * grow, picture.height * picture.centre - (y + height / 2) * grow)
    canvas = Canvas(picture.width, picture.height, 10.0 * grow, ground, picture.pitch)
    picture.draw(canvas)
    return canvas


def render(page: Page, name: str) -> None:
    picture = PICTURES[name]
    page.set_viewport_size({"width": picture.width, "height": picture.height})
    show(page, fitted(page, picture))
    with Image.open(io.BytesIO(page.screenshot())) as image:
        image.convert("RGB").save(FOLDER / f"{name}.webp", quality=82, method=6)


def main(names: list[str]) -> None:
    with sync_playwright() as player:
        # A fixed colour profile: without it the machine's own shifts every colour.
        arguments = ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb", "--disable-background-networking"]
        browser = player.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        page = browser.new_page()
        for name in names or PICTURES:
            render(page, name)
            print(name)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
