"""The shop's colours as the pictures show them, and the materials made of them."""

from __future__ import annotations

from demo.drawing.geometry import Material

CHALK, SAND, OAT = "#ece6da", "#d9cab2", "#d8cfbd"
TEAL, TIDE, SLATE = "#55959b", "#6f8ca3", "#8397ad"
CLAY, RUST, OXIDE = "#d98f69", "#b9623f", "#9c4f38"
MOSS, SAGE, LEAF = "#7d8a63", "#8fa596", "#5f8a58"
GRAPHITE, BLACK, PAPER = "#575a5a", "#35383a", "#f1ebde"
BARE = "#c7ab8d"  # unglazed stoneware

OAK = Material("#cfa677", 0.1, "wood")
OAK_UPRIGHT = Material("#cfa677", 0.1, "upright")
SMOKED = Material("#7d5a40", 0.12, "upright")
CORK = Material("#c99f72", 0.02, "speckle")
BRASS = Material("#c9a057", 0.75, metal=True)
STEEL = Material("#b9b8b4", 0.8, metal=True)
IRON = Material("#45474a", 0.25)
LINEN = Material("#e9dfcb", 0.02, "cloth")
SOIL = Material("#4b3b30", 0.0, "speckle")
RUBBER = Material("#3a3a39", 0.1)
STONE = Material("#dcd7cd", 0.12, "speckle")


def glaze(colour: str) -> Material:
    return Material(colour, 0.55)


def matt(colour: str) -> Material:
    return Material(colour, 0.08)


def cloth(colour: str) -> Material:
    return Material(colour, 0.0, "cloth")
