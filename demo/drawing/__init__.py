"""Draws the demo shop's pictures: `python -m demo.drawing [NAME ...]` writes demo/pictures/NAME.webp."""
