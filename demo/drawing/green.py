"""Pots, what grows in them, and what waters it."""

from __future__ import annotations

import random

from demo.drawing.geometry import Material, Point, mix, move, path, spline, turned
from demo.drawing.palette import BARE, BRASS, LEAF, MOSS, SOIL, STEEL, glaze, matt
from demo.drawing.solids import Canvas


def leaf(c: Canvas, root: Point, tip: Point, width: float, colour: str, bend: float = 0.0, y: float = 0.0) -> None:
    """One leaf in the picture's plane, (x, z) in cm: a light half and a dark half along its rib."""
    (x0, z0), (x1, z1) = root, tip
    dx, dz = x1 - x0, z1 - z0
    length = (dx * dx + dz * dz) ** 0.5 or 1.0
    nx, nz = -dz / length, dx / length
    rib = [
        (x0 + dx * t + nx * bend * 4 * t * (1 - t), z0 + dz * t + nz * bend * 4 * t * (1 - t))
        for t in (0, 0.25, 0.5, 0.75, 1)
    ]
    for side, tone in ((1, mix(colour, "#fff6d8", 0.14)), (-1, mix(colour, "#1d1712", 0.2))):
        edge = [
            (x + side * nx * width * w, z + side * nz * width * w)
            for (x, z), w in zip(rib, (0.12, 0.8, 1, 0.66, 0), strict=True)
        ]
        outline = spline(rib, 8) + list(reversed(spline(edge, 8)))
        c.parts.append(f'<path d="{path(c.project(x, y, z) for x, z in outline)}" fill="{tone}"/>')


def blades(c: Canvas, radius: float, height: float, tall: float, seed: int = 3) -> None:
    """A snake plant standing in a pot."""
    dice = random.Random(seed)
    c.parts.append(f'<g clip-path="{c.within(radius * 0.9, height)}">')
    for i in range(9):
        x = (i % 5 - 2) * radius * 0.3 + dice.uniform(-0.3, 0.3)
        reach = tall * dice.uniform(0.62, 1.0) * (0.8 if i > 5 else 1)
        lean = x * 0.55 + dice.uniform(-1, 1)
        y = -radius * 0.35 + i * radius * 0.09
        leaf(
            c,
            (x, height - 1.5),
            (x + lean, height + reach),
            radius * 0.17,
            mix(LEAF, MOSS, dice.random()),
            dice.uniform(-0.6, 0.6),
            y,
        )
    c.parts.append("</g>")


def cove(c: Canvas, colour: str, radius: float = 8.0) -> None:
    r, h = radius, radius * 1.8
    c.round_shadow(r * 0.75, h)
    c.lathe([(r * 0.7, 0), (r * 0.74, 0.6)], matt(BARE))
    c.lathe(
        spline([(r * 0.74, 0.6), (r * 0.92, h * 0.25), (r, h * 0.6), (r * 0.98, h - 0.2), (r * 0.95, h)], 8),
        glaze(colour),
    )
    c.hollow([(r * 0.9, h), (r * 0.9, h - 1.2), (0.1, h - 1.25)], SOIL)
    c.ring(r * 0.925, h, mix(colour, "#ffffff", 0.35), 0.14, 0.6)
    blades(c, r, h, r * 3.4)


def terra(c: Canvas, radius: float = 9.0) -> None:
    r, h, clay = radius, radius * 1.75, Material("#c98a66", 0.03, "clay")
    c.round_shadow(r * 0.7, h)
    c.lathe([(r * 0.66, 0), (r * 0.9, h * 0.78), (r * 0.9, h * 0.79)], clay)
    c.lathe([(r, h * 0.79), (r * 1.02, h * 0.82), (r * 1.03, h - 0.3), (r, h)], clay)
    c.hollow([(r * 0.9, h), (r * 0.88, h - 1.4), (0.1, h - 1.45)], SOIL)
    blades(c, r, h, r * 2.6, seed=8)


def watering_can(c: Canvas, colour: str) -> None:
    skin = Material(colour, 0.35)
    c.round_shadow(7, 16)
    c.tube([(6.2, 0, 3.0), (10.5, 0, 7.5), (15, 0, 15), (19, 0, 19.4)], 0.75, skin, cap="butt")
    c.tube([(18.6, 0, 19.0), (20.0, 0, 20.3)], 1.15, BRASS, cap="butt")
    c.tube([(-5.4, 0, 14.2), (-9.6, 0, 17.4), (-13.0, 0, 14.2), (-12.2, 0, 8.2), (-7.4, 0, 4.2)], 0.62, skin)
    c.lathe(spline([(7.2, 0), (7.5, 0.4), (7.4, 3), (6.6, 9), (5.5, 14), (5.2, 15)], 8), skin)
    c.hollow([(4.9, 15), (5.2, 11)], Material(mix(colour, "#1d1712", 0.3), 0.1))
    c.ring(5.05, 15, mix(colour, "#ffffff", 0.35), 0.2, 0.8)
    c.ring(7.4, 1.2, mix(colour, "#1d1712", 0.35), 0.12, 0.5, front=True)


def sprig(c: Canvas, root: Point, tip: Point, colour: str, pairs: int = 6, size: float = 1.7) -> None:
    (x0, z0), (x1, z1) = root, tip
    c.tube([(x0, 0, z0), ((x0 + x1) / 2 - 0.5, 0, (z0 + z1) / 2), (x1, 0, z1)], 0.11, matt("#8b7757"))
    for i in range(pairs):
        t = 0.34 + 0.62 * i / max(1, pairs - 1)
        x, z = x0 + (x1 - x0) * t - 2.0 * t * (1 - t), z0 + (z1 - z0) * t
        s = size * (1.15 - 0.55 * t)
        leaf(c, (x, z), (x - 1.6 * s, z + 0.75 * s), s * 0.42, colour, 0.15)
        leaf(c, (x, z + 0.3), (x + 1.6 * s, z + 1.0 * s), s * 0.42, mix(colour, "#1d1712", 0.08), -0.15)


def bud_vase(c: Canvas, colour: str) -> None:
    c.round_shadow(4, 10)
    c.lathe([(3.0, 0), (3.2, 0.4)], matt(BARE))
    c.lathe(
        spline([(3.2, 0.4), (5.0, 2.4), (5.4, 4.8), (4.2, 7.4), (1.9, 9.2), (1.2, 10.8), (1.3, 12.2), (1.65, 12.8)], 8),
        glaze(colour),
    )
    c.hollow([(1.4, 12.8), (1.0, 11)], matt("#4b3b30"))
    c.ring(1.52, 12.8, mix(colour, "#ffffff", 0.4), 0.1, 0.7)
    c.parts.append(f'<g clip-path="{c.within(1.4, 12.8)}">')
    sprig(c, (0.1, 11), (3.0, 27), "#84998c")
    sprig(c, (-0.1, 11), (-4.2, 23), "#8fa596", 4, 1.5)
    c.parts.append("</g>")


def vase(c: Canvas, colour: str) -> None:
    """Tall, thrown in one piece, with dried grasses."""
    c.round_shadow(6, 30)
    c.lathe(
        spline(
            [(5.2, 0), (5.6, 0.6), (6.8, 6), (7.2, 13), (6.2, 20), (4.2, 25.5), (3.6, 28.5), (4.1, 30.5), (4.4, 31)], 8
        ),
        Material(colour, 0.1, "speckle"),
    )
    c.hollow([(4.0, 31), (3.2, 28)], matt("#4b3b30"))
    c.ring(4.2, 31, mix(colour, "#ffffff", 0.3), 0.25, 0.6)
    dice = random.Random(6)
    c.parts.append(f'<g clip-path="{c.within(4.0, 31)}">')
    for lean, tall in ((-9, 50), (-4.5, 56), (0.5, 60), (4.5, 54), (9.5, 51)):
        c.tube([(lean * 0.12, 0, 29), (lean * 0.5, 0, (tall + 29) / 2), (lean, 0, tall)], 0.13, matt("#b39b6b"))
        for i in range(16):
            t = i / 15
            x, z = lean * (0.72 + 0.32 * t), tall - 11 + 12.5 * t
            reach = 1.9 * (1 - t) + 0.5
            for side in (-1, 1):
                leaf(
                    c,
                    (x, z),
                    (x + side * reach * 0.55 + lean * 0.03, z + reach * 1.5),
                    0.22,
                    mix("#cdb587", "#a98f5e", dice.random()),
                )
    c.parts.append("</g>")


def trowel(c: Canvas) -> None:
    a, b = turned(-36)
    blade = [(2, -0.7), (4, -3.6), (7, -4.1), (12, -3.3), (16.5, 0), (12, 3.3), (7, 4.1), (4, 3.6), (2, 0.7)]
    outline = spline([*blade, blade[0]], 6)
    c.shadow([move((0, 0, 0), (p, a), (q, b)) for p, q in outline], 2)
    c.shadow([move((0, 0, 0), (p, a), (q, b)) for p, q in ((-15, -1), (2, -0.8), (2, 0.8), (-15, 1.2))], 2)
    steel = c.define(
        '<linearGradient id="@" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#e7e5e1"/>'
        '<stop offset=".45" stop-color="#bab8b3"/><stop offset=".52" stop-color="#94928e"/>'
        '<stop offset="1" stop-color="#b5b3ae"/></linearGradient>'
    )
    d = "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in outline) + "Z"
    c.flat(
        f'<path d="{d}" fill="{steel}"/>'
        f'<path d="{d}" fill="none" stroke="#fff" stroke-opacity=".5" stroke-width=".12"/>'
        '<path d="M3 0Q9 -.5 15 0" stroke="#6f6d69" stroke-width=".22" stroke-opacity=".6" fill="none"/>',
        (0, 0, 1.0),
        a,
        b,
    )
    c.tube([move((0, 0, 1.4), (3.4, a)), move((0, 0, 1.9), (0, a)), move((0, 0, 1.6), (-3.6, a))], 0.5, STEEL)
    c.tube([move((0, 0, 1.6), (-3, a)), move((0, 0, 1.6), (-4, a))], 1.15, BRASS, cap="butt")
    c.parts.append('<g filter="url(#clay)">')
    c.tube(
        [move((0, 0, 1.6), (-4, a)), move((0, 0, 1.6), (-9, a)), move((0, 0, 1.6), (-15, a))],
        1.3,
        Material("#b98b5e", 0.2),
    )
    c.parts.append("</g>")


def mister(c: Canvas) -> None:
    c.round_shadow(4.2, 18, 0.8)
    c.lathe([(4.0, 0.5), (4.2, 1), (4.25, 6.8)], Material("#a98a5c", 0.1))
    c.disc(4.25, 6.8, "#c7ab7e")
    c.glass(spline([(4.2, 0), (4.6, 0.6), (4.6, 8), (4.1, 10.4), (2.2, 12), (2.0, 13)], 8), "#8f6d3b")
    c.lathe([(2.3, 12.6), (2.3, 14.6), (2.1, 14.9)], BRASS)
    c.lathe([(0.8, 14.9), (0.8, 17.2)], BRASS)
    c.tube([(-1.0, 0, 17.6), (2.6, 0, 17.6)], 0.75, BRASS, cap="butt")
    c.tube([(2.4, 0, 17.6), (3.4, 0, 17.6)], 0.42, BRASS, cap="butt")
    c.tube([(-0.9, 0, 17.4), (-3.6, 0, 16.2), (-4.6, 0, 14.0)], 0.3, BRASS)
