"""What stands on the stove and on the shelf beside it."""

from __future__ import annotations

import math

from demo.drawing.geometry import UP, Material, mix, spline, turned
from demo.drawing.palette import BLACK, IRON, OAK, PAPER, STEEL, cloth, glaze, matt
from demo.drawing.solids import Canvas

ENAMEL_RIM = "#3d3c3a"


def pot(c: Canvas, colour: str, radius: float = 12.0, height: float = 11.0) -> None:
    """A cast-iron pot with lid and two loops."""
    r, h, skin = radius, height, glaze(colour)
    c.round_shadow(r * 0.92, h)
    for side in (-1, 1):
        c.tube(
            [
                (side * r * 0.97, -1.5, h * 0.78),
                (side * r * 1.2, -0.6, h * 0.8),
                (side * r * 1.2, 1.6, h * 0.8),
                (side * r * 0.95, 2.4, h * 0.76),
            ],
            0.8,
            skin,
        )
    c.lathe(spline([(r * 0.86, 0), (r * 0.93, 0.5), (r * 0.98, h * 0.4), (r, h)], 8), skin)
    c.ring(r, h, mix(colour, "#1d1712", 0.6), 0.22, 0.7)
    c.lathe(
        spline(
            [
                (r * 1.02, h + 0.1),
                (r * 1.03, h + 0.5),
                (r * 0.97, h + 1.1),
                (r * 0.7, h + 2.3),
                (r * 0.35, h + 3),
                (1.6, h + 3.2),
            ],
            8,
        ),
        skin,
    )
    c.ring(r * 0.72, h + 2.23, mix(colour, "#ffffff", 0.4), 0.1, 0.35)
    c.lathe([(1.2, h + 3), (1.0, h + 3.8)], STEEL)
    c.lathe(spline([(1.1, h + 3.8), (2.3, h + 4.3), (2.35, h + 5.0), (1.6, h + 5.5), (0.4, h + 5.6)], 6), STEEL)


def pan(c: Canvas, radius: float = 14.0) -> None:
    r, h = radius, 4.6
    c.round_shadow(r * 0.85, h)
    c.tube(
        [(r * 0.9, 0.5, h - 0.6), (r * 1.3, 2.0, h + 0.7), (r * 1.75, 3.8, h + 1.1), (r * 2.25, 5.8, h + 1.0)],
        1.05,
        IRON,
    )
    end = c.at(r * 2.2, 5.65, h + 1.1)
    end.flat('<ellipse rx=".75" ry=".3" fill="#c9c5bf"/>', (0, 0, 0.3))
    c.lathe(spline([(r * 0.8, 0), (r * 0.84, 0.3), (r * 0.93, h * 0.5), (r, h - 0.1), (r * 0.99, h)], 8), IRON)
    c.hollow(
        spline([(r * 0.965, h), (r * 0.9, h * 0.5), (r * 0.8, 0.8), (r * 0.6, 0.6), (0.1, 0.6)], 8),
        Material("#54565a", 0.35),
    )
    c.ring(r * 0.98, h, "#85888b", 0.2, 0.8)


def jar(c: Canvas, height: float = 15.0, fill: str = "#c6955a", level: float = 0.7) -> None:
    r, h = 5.2, height
    c.round_shadow(r, h, 0.7)
    c.lathe([(r * 0.92, 0.5), (r * 0.95, 0.9), (r * 0.95, h * level)], Material(fill, 0.05, "speckle"))
    c.disc(r * 0.95, h * level, mix(fill, "#ffffff", 0.25))
    c.glass(spline([(r * 0.93, 0), (r, 0.6), (r, h * 0.5), (r, h - 0.6), (r * 0.97, h)], 6))
    c.lathe([(r * 0.94, h - 0.3), (r * 0.97, h + 0.2), (r * 1.0, h + 0.3), (r * 1.0, h + 1.8), (r * 0.96, h + 2)], OAK)
    c.disc(r * 0.96, h + 2, "#d8b488")


def jars(c: Canvas) -> None:
    jar(c.at(-10.5, -2), 20, "#e7dcc4", 0.72)
    jar(c.at(11, -1), 15, "#8c5a3a", 0.6)
    jar(c.at(1.0, 4), 9.5, "#c6955a", 0.66)


def mortar(c: Canvas) -> None:
    stone = Material("#6d6c6a", 0.08, "speckle")
    r, h = 7.0, 8.6
    c.round_shadow(r * 0.75, h)
    c.lathe(spline([(5.0, 0), (5.3, 0.6), (5.0, 1.4), (6.3, 3.4), (6.9, 6), (7.0, h), (6.7, h + 0.25)], 8), stone)
    c.hollow(spline([(5.9, h + 0.2), (5.5, 6), (4, 3.4), (0.1, 2.8)], 8), Material("#7b7976", 0.03, "speckle"))
    c.tube([(1.2, 0, 5.0), (9.6, 0, 14.6)], 1.15, stone)
    c.tube([(9.2, 0, 14.1), (10.2, 0, 15.3)], 1.45, stone)


def spoons(c: Canvas) -> None:
    """Three spoons of alder in a fan, seen from above."""
    wood = Material("#c08e62", 0.1, "upright")
    for x, lean, bowl, length in ((-7.5, -13, 3.0, 30), (0, 0, 2.6, 32), (7.5, 13, 3.3, 28)):
        a, b = turned(lean)
        head = [
            (bowl * math.sin(t), -length / 2 - 2.6 + bowl * 1.35 * math.cos(t))
            for t in [math.pi * 2 * i / 40 for i in range(40)]
        ]
        shaft = [
            (-0.55, -length / 2),
            (0.55, -length / 2),
            (0.8, length / 2 - 0.6),
            (0.4, length / 2),
            (-0.4, length / 2),
            (-0.8, length / 2 - 0.6),
        ]
        at = c.at(x, 0)
        for outline in (shaft, head):
            at.shadow([(p * a[0] + q * b[0], p * a[1] + q * b[1], 0.0) for p, q in outline], 1.5)
        at.extrude(shaft, a, b, UP, 0.9, wood)
        at.extrude(list(reversed(head)), a, b, UP, 1.3, wood)
        hollow = (
            f'<ellipse cx="0" cy="{-length / 2 - 2.6}" rx="{bowl * 0.76}" ry="{bowl * 1.08}" fill="#7d5230" '
            'opacity=".42"/>'
        )
        glow = (
            f'<ellipse cx=".25" cy="{-length / 2 - 2.2}" rx="{bowl * 0.6}" ry="{bowl * 0.85}" fill="#c99a70" '
            'opacity=".6"/>'
        )
        at.flat(
            hollow
            + (
                glow if x else f'<rect x="-.45" y="{-length / 2 - 4.6}" width=".9" height="4" rx=".45" fill="#d9d5cf"/>'
            ),
            (0, 0, 1.3),
            a,
            b,
        )


def mill(c: Canvas, wood: Material) -> None:
    c.round_shadow(3.0, 20)
    c.lathe(
        spline([(2.9, 0), (3.1, 0.4), (3.0, 1.6), (2.2, 5), (1.75, 9), (2.1, 12.5), (2.5, 13.9), (2.45, 14.3)], 8), wood
    )
    c.ring(2.45, 14.35, "#2c2119", 0.22, 0.7)
    c.lathe(spline([(2.3, 14.5), (2.65, 15.2), (2.7, 16.6), (2.1, 18.4), (1.0, 19.2), (0.5, 19.3)], 8), wood)
    c.lathe([(0.75, 19.2), (0.8, 19.9), (0.5, 20.3), (0.1, 20.4)], STEEL)


def kettle(c: Canvas, colour: str) -> None:
    skin = glaze(colour)
    c.round_shadow(9, 16)
    c.tube([(7.6, 0, 5.2), (10.4, 0, 7.4), (12.0, 0, 11.2), (13.8, 0, 13.0)], 1.3, skin, cap="butt")
    c.lathe(spline([(9.2, 0), (10, 0.7), (10.1, 3), (9.2, 8), (7.2, 11.6), (5.4, 12.8)], 8), skin)
    c.ring(10.05, 1.0, ENAMEL_RIM, 0.18, 0.5, front=True)
    c.ring(5.5, 12.75, mix(colour, "#1d1712", 0.65), 0.16, 0.6)
    c.lathe(spline([(5.2, 12.8), (4.6, 13.5), (2.8, 14.2), (1, 14.5)], 6), skin)
    c.lathe(spline([(0.7, 14.4), (0.7, 14.9), (1.35, 15.6), (1.15, 16.3), (0.3, 16.5)], 6), OAK)
    c.tube(
        [(-6.9, 0, 11.6), (-8.0, 0, 16.5), (-4.2, 0, 21.4), (4.2, 0, 21.4), (8.0, 0, 16.5), (6.9, 0, 11.6)], 0.42, STEEL
    )
    c.tube([(-3.9, 0, 21.55), (0, 0, 21.75), (3.9, 0, 21.55)], 1.05, Material("#cfa677", 0.15))


def oil(c: Canvas) -> None:
    """A tall tin with a printed olive branch."""
    tin = Material("#e3d9bf", 0.35)
    c.slab(9.5, 6.0, 21, tin, radius=0.7, turn=-28)
    leaves = "".join(
        f'<path d="M4.75 {z}q{side * 1.5} {0.3} {side * 2.7} {1.9}q{-side * 1.7} {0.1} {-side * 2.7} -1.9z" '
        'fill="#6d7c4c"/>'
        for z, side in ((6.2, 1), (7.6, -1), (9.1, 1), (10.6, -1), (12, 1), (13.3, -1))
    )
    c.front(
        '<rect x=".2" y="1.1" width="9.1" height="2.4" fill="#6d7c4c"/>'
        '<path d="M4.75 4.8Q5.1 10 4.75 15.6" stroke="#55623a" stroke-width=".22" '
        f'fill="none"/>{leaves}<circle cx="6.1" cy="6.1" r=".75" fill="#3f4a2d"/>'
        '<circle cx="3.3" cy="9" r=".7" fill="#3f4a2d"/>',
        9.5,
        6,
        -28,
    )
    a, _ = turned(-28)
    top = c.at(a[0] * 2.4, a[1] * 2.4, 21)
    top.lathe([(1.35, 0), (1.35, 1.1), (1.2, 1.2)], matt(BLACK))
    top.disc(1.2, 1.2, "#4a4c4d")


def coffee(c: Canvas) -> None:
    """A paper bag, folded over and held by its tin tie."""
    bag = cloth("#b98d62")
    c.slab(11, 7, 18, bag, radius=0.5, turn=-20)
    c.slab(11.2, 2.6, 2.6, bag, radius=0.4, turn=-20, z=18, shadow=False)
    c.front(
        f'<rect x="1.9" y="4" width="7.2" height="9" rx=".3" fill="{PAPER}"/>'
        '<circle cx="5.5" cy="9.4" r="1.9" fill="#b9623f"/>'
        '<rect x="3.2" y="6" width="4.6" height=".28" fill="#4b3b30"/>'
        '<rect x="3.9" y="5.2" width="3.2" height=".28" fill="#4b3b30" opacity=".6"/>'
        '<path d="M0 0L2 3.4M11 0L9.2 3.2" stroke="#4b3b30" stroke-opacity=".25" stroke-width=".14"/>',
        11,
        7,
        -20,
    )
    c.front('<rect width="11.8" height=".9" rx=".2" fill="#3a3a39"/>', 11.8, 2.7, -20, 18.6)
