"""What stands on a laid table."""

from __future__ import annotations

from demo.drawing.geometry import UP, mix, spline, turned
from demo.drawing.palette import BARE, CHALK, OAK, PAPER, cloth, glaze, matt
from demo.drawing.solids import Canvas


def cup(c: Canvas, colour: str, radius: float = 4.1, height: float = 8.6) -> None:
    """A straight mug with a squared handle; small and on its saucer it is the espresso cup."""
    r, h = radius, height
    if c.origin[2] == 0:
        c.round_shadow(r, h)
    c.lathe([(r * 0.8, 0), (r * 0.94, 0.05), (r * 0.96, 0.6)], matt(BARE))
    c.lathe(
        spline([(r * 0.96, 0.6), (r, 1.1), (r, h * 0.5), (r, h - 0.5), (r * 0.985, h - 0.12), (r * 0.95, h)], 6),
        glaze(colour),
    )
    c.hollow([(r * 0.93, h - 0.02), (r * 0.9, h - 0.7), (r * 0.88, h * 0.3), (r * 0.5, 0.7), (0.1, 0.6)], glaze(PAPER))
    c.ring(r * 0.955, h, mix(colour, "#ffffff", 0.45), 0.07, 0.8)
    grip = [
        (r * 0.98, 0, h * 0.8),
        (r * 1.34, 0, h * 0.81),
        (r * 1.56, 0, h * 0.7),
        (r * 1.56, 0, h * 0.42),
        (r * 1.36, 0, h * 0.29),
        (r * 0.98, 0, h * 0.29),
    ]
    c.tube(grip, 0.1 * r + 0.05, glaze(colour))


def espresso(c: Canvas, colour: str) -> None:
    c.round_shadow(5.6, 1.5)
    c.lathe([(3.4, 0), (3.6, 0.3), (5.2, 0.9), (6.1, 1.35), (6.15, 1.5), (6.0, 1.55)], glaze(colour))
    c.hollow([(6.0, 1.55), (5.0, 1.1), (3.6, 0.75), (0.1, 0.7)], glaze(colour))
    c.ring(6.05, 1.53, mix(colour, "#ffffff", 0.5), 0.06, 0.7)
    c.ring(3.1, 0.85, mix(colour, "#1d1712", 0.4), 0.3, 0.35)
    cup(c.at(0, 0, 0.75), colour, 2.9, 5.8)


def plate(c: Canvas, colour: str, radius: float = 13.5) -> None:
    r = radius
    c.round_shadow(r * 0.75, 2.5)
    c.lathe(
        [(r * 0.6, 0), (r * 0.63, 0.5), (r * 0.8, 1.1), (r * 0.985, 2.3), (r, 2.45), (r * 0.99, 2.6)], glaze(colour)
    )
    c.hollow(
        spline(
            [(r * 0.985, 2.6), (r * 0.9, 2.15), (r * 0.77, 1.35), (r * 0.72, 0.95), (r * 0.6, 0.85), (0.1, 0.85)], 6
        ),
        glaze(colour),
    )
    c.ring(r * 0.99, 2.6, mix("#8a6a4c", colour, 0.25), 0.16, 0.75)
    c.ring(r * 0.715, 0.98, mix(colour, "#1d1712", 0.5), 0.1, 0.18)


def plates(c: Canvas, colour: str) -> None:
    """The large one lying, the small one upon it."""
    plate(c, colour)
    c.ring(7.9, 0.95, mix(colour, "#1d1712", 0.6), 0.7, 0.25)
    stacked = c.at(0, 0, 1.0)
    r = 11.0
    stacked.lathe([(r * 0.6, 0.2), (r * 0.63, 0.6), (r * 0.985, 2.0), (r, 2.15), (r * 0.99, 2.25)], glaze(colour))
    stacked.hollow(
        spline([(r * 0.985, 2.25), (r * 0.77, 1.3), (r * 0.7, 0.95), (r * 0.6, 0.9), (0.1, 0.9)], 6), glaze(colour)
    )
    stacked.ring(r * 0.99, 2.25, mix("#8a6a4c", colour, 0.25), 0.15, 0.75)


def bowl(c: Canvas, colour: str, radius: float = 8.0, height: float = 6.6) -> None:
    r, h = radius, height
    c.round_shadow(r * 0.55, h)
    c.lathe([(r * 0.42, 0), (r * 0.46, 0.7)], matt(BARE))
    c.lathe(
        spline([(r * 0.46, 0.7), (r * 0.72, h * 0.27), (r * 0.92, h * 0.6), (r, h - 0.15), (r * 0.985, h)], 8),
        glaze(colour),
    )
    c.hollow(
        spline([(r * 0.96, h), (r * 0.88, h * 0.6), (r * 0.66, h * 0.3), (r * 0.3, h * 0.18), (0.1, h * 0.17)], 8),
        glaze(mix(colour, PAPER, 0.55)),
    )
    c.ring(r * 0.972, h, mix("#8a6a4c", colour, 0.3), 0.16, 0.7)


def tumbler(c: Canvas, radius: float = 3.9, height: float = 9.2, water: float = 0.0) -> None:
    c.round_shadow(radius * 0.9, height, 0.55)
    r = radius
    if water:
        c.lathe([(r * 0.86, 0.7), (r * 0.93, water)], matt("#cfdad8"))
        c.disc(r * 0.93, water, "#e3ebea")
    c.disc(r * 0.8, 0.5, "#b7c4c1", 0.7)
    c.glass(spline([(r * 0.8, 0), (r * 0.86, 0.25), (r * 0.93, height * 0.5), (r, height)], 8))


def tumblers(c: Canvas) -> None:
    tumbler(c.at(-3.2, -3.2))
    tumbler(c.at(2.8, 2.6))


def carafe(c: Canvas) -> None:
    c.round_shadow(5.2, 20, 0.6)
    c.disc(5.0, 0.5, "#b9c7c4", 0.6)
    body = spline([(5.0, 0), (5.6, 0.8), (5.6, 5), (4.9, 9), (3.3, 13.5), (2.3, 17), (2.15, 20), (2.7, 22)], 8)
    c.lathe([(5.2, 0.7), (5.4, 2), (5.35, 6)], matt("#d3dddb"))
    c.disc(5.35, 6, "#e6edec")
    c.glass(body)
    c.lathe([(2.0, 20.5), (2.3, 22), (2.45, 24.6), (2.3, 25)], matt("#cda679"))
    c.disc(2.3, 25, "#e0bf95")


def board(c: Canvas, length: float = 50.0, width: float = 20.0, turn: float = -18.0) -> None:
    """An oak board with a handle end, a hole to hang it by and grain along its length."""
    c.slab(length, width, 2.2, OAK, radius=3.2, turn=turn)
    c.grain(length, width, 2.2, turn, seed=int(length))
    a, b = turned(turn)
    hole = (a[0] * length * 0.44, a[1] * length * 0.44, 2.2)
    c.flat('<circle r="1.25" fill="#6d4a2d"/><circle cx=".12" cy=".3" r="1.02" fill="#b9b3aa"/>', hole, a, b)


def teapot(c: Canvas, colour: str) -> None:
    skin = glaze(colour)
    c.round_shadow(6.2, 12)
    c.tube([(-6.3, 0, 4.2), (-8.4, 0, 5.6), (-9.8, 0, 8.6), (-11.4, 0, 10.6)], 1.15, skin, cap="butt")
    c.flat(
        f'<ellipse rx="1.1" ry=".42" transform="rotate(40)" fill="{mix(colour, "#1d1712", 0.55)}"/>', (-11.5, 0, 10.75)
    )
    c.lathe([(4.6, 0), (5.0, 0.5)], matt(BARE))
    c.lathe(spline([(5.0, 0.5), (6.9, 2.4), (7.5, 5.2), (6.9, 8.4), (5.2, 10.6), (4.2, 11.3)], 8), skin)
    c.ring(4.3, 11.2, mix(colour, "#1d1712", 0.6), 0.14, 0.5)
    c.lathe(spline([(4.15, 11.3), (3.7, 11.9), (2.2, 12.6), (0.9, 12.9)], 6), skin)
    c.lathe(spline([(0.8, 12.8), (0.7, 13.3), (1.25, 14.0), (1.1, 14.7), (0.3, 14.95)], 6), OAK)
    c.tube([(5.5, 0, 10.2), (8.6, 0, 11.6), (11.0, 0, 9.6), (10.6, 0, 5.9), (7.2, 0, 4.2)], 0.62, skin)


def napkins(c: Canvas, colour: str) -> None:
    """Four linen napkins, folded to squares, a cotton tape around them."""
    for i in range(4):
        c.slab(
            22 - i * 0.25,
            20 - i * 0.2,
            0.95,
            cloth(mix(colour, "#ffffff", 0.03 * (i % 2))),
            radius=0.8,
            turn=-22 + (i % 2) * 1.2,
            z=i * 1.0,
            shadow=i == 0,
        )
    a, b = turned(-22)
    hem = (
        '<rect x="-10.2" y="-9.1" width="20.4" height="18.2" rx=".6" fill="none" stroke="#3a2d20" '
        'stroke-opacity=".25" stroke-width=".12" stroke-dasharray=".5 .3"/>'
    )
    c.flat(hem, (0, 0, 3.95), a, b)
    tape = mix(CHALK, "#ffffff", 0.3)
    c.flat(
        f'<rect x="-1" y="-9.75" width="2" height="19.5" fill="{tape}"/>'
        '<rect x=".8" y="-9.75" width=".2" height="19.5" fill="#000" opacity=".07"/>',
        (0, 0, 3.96),
        a,
        b,
    )
    front = (b[0] * 9.98, b[1] * 9.98, 0.0)
    c.flat(f'<rect x="-1" width="2" height="3.98" fill="{mix(tape, "#1d1712", 0.16)}"/>', front, a, UP)
