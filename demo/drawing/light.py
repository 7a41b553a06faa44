"""Lamps that stand, hang and are carried, and candles."""

from __future__ import annotations

from demo.drawing.geometry import Material, mix, spline
from demo.drawing.palette import BARE, BRASS, STONE, glaze, matt
from demo.drawing.solids import Canvas

GLOW = "#fff1cf"


def glow(c: Canvas, radius: float, height: float, strength: float = 0.7) -> None:
    """The warm air around a lit thing."""
    x, y = c.project(0, 0, height)
    fill = c.define(
        f'<radialGradient id="@"><stop offset="0" stop-color="{GLOW}" stop-opacity="{strength}"/>'
        f'<stop offset="1" stop-color="{GLOW}" stop-opacity="0"/></radialGradient>'
    )
    c.parts.append(f'<circle class="air" cx="{x:.1f}" cy="{y:.1f}" r="{radius * c.scale:.1f}" fill="{fill}"/>')


def cord(c: Canvas, height: float) -> None:
    """The cable a lamp hangs from, up and out of the picture."""
    c.parts.append('<g class="air">')
    c.tube([(0, 0, height), (0, 0, height + 90)], 0.22, matt("#3b3a38"))
    c.parts.append("</g>")


def cone(c: Canvas, colour: str, lower: float, upper: float, height: float, z: float) -> None:
    """A spun metal shade, open below, pale inside."""
    c.lathe(
        spline(
            [
                (lower, z),
                (lower * 0.97, z + 0.3),
                (lower * 0.78, z + height * 0.4),
                (lower * 0.42, z + height * 0.82),
                (upper, z + height),
            ],
            8,
        ),
        Material(colour, 0.3),
    )
    c.ring(lower, z + 0.02, mix(colour, "#1d1712", 0.4), 0.16, 0.8, front=True)


def floor_lamp(c: Canvas, colour: str) -> None:
    c.round_shadow(13, 30)
    c.lathe([(13, 0), (13.2, 0.5), (13.1, 2.1), (12.7, 2.5)], STONE)
    c.disc(12.7, 2.5, "#e9e5dd")
    c.tube([(0, 0, 2.4), (0, 0, 70), (0, 0, 126), (3, 0, 137), (12, 0, 143), (21, 0, 140)], 0.95, BRASS)
    shade = c.at(22, 0)
    glow(shade, 34, 112, 0.5)
    cone(shade, colour, 15, 1.8, 19, 118)
    shade.lathe([(1.8, 137), (1.9, 139.5), (1.2, 140.5)], BRASS)


def pendant(c: Canvas, colour: str) -> None:
    """A bell of spun aluminium on its cord, half seen from below."""
    cord(c, 28)
    skin = Material(colour, 0.32)
    c.lathe(spline([(17, 0), (16.8, 0.8), (15.2, 6.5), (12, 12.5), (6.8, 17.5), (3.2, 20.5), (2.6, 23)], 10), skin)
    c.ring(17, 0, mix(colour, "#1d1712", 0.45), 0.3, 0.7, front=True)
    c.lathe([(2.2, 23), (2.2, 27), (1.4, 28)], BRASS)
    x, y = c.project(0, 0, 0)
    light = c.define(
        '<radialGradient id="@" cx=".5" cy=".1" r=".9">'
        f'<stop offset="0" stop-color="{GLOW}" stop-opacity=".85"/>'
        f'<stop offset="1" stop-color="{GLOW}" stop-opacity="0"/></radialGradient>'
    )
    s = c.scale
    c.parts.insert(
        0,
        f'<path class="air" d="M{x - 16 * s:.0f} {y:.0f}L{x - 26 * s:.0f} {y + 17 * s:.0f}L{x + 26 * s:.0f} '
        f'{y + 17 * s:.0f}L{x + 16 * s:.0f} {y:.0f}Z" fill="{light}" filter="url(#soft)"/>',
    )


def paper_moon(c: Canvas, radius: float = 20.0) -> None:
    """A paper globe: bamboo hoops, light from within."""
    r = radius
    glow(c, r * 1.75, 0, 0.75)
    cord(c, r)
    x, y = c.project(0, 0, 0)
    fill = c.define(
        '<radialGradient id="@" cx=".47" cy=".52" r=".58"><stop offset="0" stop-color="#fffdf5"/>'
        '<stop offset=".5" stop-color="#fbf3df"/><stop offset=".86" stop-color="#eee0c2"/>'
        '<stop offset="1" stop-color="#d8c8a8"/></radialGradient>'
    )
    c.parts.append(
        f'<ellipse cx="{x:.1f}" cy="{y:.1f}" rx="{r * c.scale:.1f}" ry="{r * 0.96 * c.scale:.1f}" fill="{fill}"/>'
    )
    for i in range(-9, 10):
        z = i / 10 * r * 0.95
        c.ring((r * r - z * z / 0.92) ** 0.5 * 0.998, z, "#b39b72", 0.13, 0.5, front=True)
    c.lathe([(r * 0.24, r * 0.92), (r * 0.24, r * 0.97)], matt("#d9c9a6"))
    c.disc(r * 0.24, r * 0.97, "#a08a63")
    c.lathe([(0.9, r * 0.95), (0.9, r * 1.04)], matt("#3b3a38"))


def table_lamp(c: Canvas, colour: str) -> None:
    c.round_shadow(8, 30)
    c.lathe([(6.4, 0), (6.8, 0.6)], matt(BARE))
    c.lathe(spline([(6.8, 0.6), (9.4, 4), (10.2, 9), (8.2, 14.5), (3.6, 18.6), (2.2, 20.5)], 8), glaze(colour))
    c.lathe([(1.3, 20.5), (1.3, 25)], BRASS)
    glow(c, 26, 32, 0.7)
    c.lathe([(15.5, 23.5), (11.5, 41)], Material("#f3e6c8", 0.0, "cloth"))
    c.ring(15.5, 23.6, "#b8a47c", 0.3, 0.7, front=True)
    c.ring(11.5, 41, "#b8a47c", 0.3, 0.8)
    c.hollow([(11.2, 41), (12.5, 35)], Material("#fff3d6"))
    glow(c, 13, 30, 0.75)


def flame(c: Canvas, height: float) -> None:
    glow(c, 7, height + 1.6, 0.65)
    c.flat(
        '<path d="M0 0C-1 .9 -.7 2 0 3.4C.7 2 1 .9 0 0z" fill="#ffc873"/>'
        '<path d="M0 .2C-.5 .8 -.35 1.4 0 2.2C.35 1.4 .5 .8 0 .2z" fill="#fff6dc"/>',
        (0, 0, height),
    )
    c.tube([(0, 0, height - 0.5), (0, 0, height + 0.3)], 0.09, matt("#2c2119"))


def candlestick(c: Canvas, height: float = 12.0) -> None:
    h = height
    c.round_shadow(5, h * 2)
    c.lathe(
        spline(
            [
                (5, 0),
                (5.1, 0.4),
                (4.4, 0.9),
                (1.6, 1.5),
                (0.9, 2.4),
                (0.75, h * 0.5),
                (0.9, h - 2),
                (1.9, h - 1.2),
                (2.1, h - 0.8),
            ],
            8,
        ),
        BRASS,
    )
    c.lathe([(1.35, h - 0.8), (1.4, h + 1.2)], BRASS)
    c.lathe([(1.1, h + 1.0), (1.08, h + 12), (0.95, h + 12.4)], matt("#efe3c4"))
    flame(c, h + 12.5)


def candlesticks(c: Canvas) -> None:
    candlestick(c.at(-5.5, -3), 16)
    candlestick(c.at(5, 3), 10)


def candle(c: Canvas, height: float, radius: float = 3.6) -> None:
    wax = Material("#e0b565", 0.2)
    c.round_shadow(radius, height)
    c.lathe([(radius * 0.97, 0), (radius, 0.3), (radius, height - 0.4), (radius * 0.94, height)], wax)
    c.hollow([(radius * 0.84, height), (radius * 0.75, height - 0.5), (0.1, height - 0.6)], Material("#f0cd86", 0.2))
    flame(c, height - 0.4)


def candles(c: Canvas) -> None:
    candle(c.at(-7.5, -2.5), 20)
    candle(c.at(6.8, -1.5), 15)
    candle(c.at(-0.8, 4.5), 10)


def firefly(c: Canvas, colour: str) -> None:
    """A lamp to carry: base with the battery, opal glass, a bail handle."""
    skin = matt(colour)
    c.round_shadow(6.4, 22)
    c.tube([(-5.9, 0, 15), (-6.2, 0, 20), (-3.5, 0, 25.6), (3.5, 0, 25.6), (6.2, 0, 20), (5.9, 0, 15)], 0.32, BRASS)
    glow(c, 15, 11.5, 0.8)
    c.lathe([(6.3, 0), (6.5, 0.4), (6.5, 4.6), (6.2, 5)], skin)
    c.ring(6.5, 3.0, mix(colour, "#1d1712", 0.4), 0.12, 0.5, front=True)
    c.lathe(spline([(5.3, 5), (5.7, 7), (5.7, 13), (5.2, 15)], 6), Material("#fff3d8", 0.5))
    glow(c, 6.2, 9.5, 0.9)
    c.lathe(spline([(6.3, 15), (6.5, 15.3), (6.4, 16.5), (5.2, 17.9), (2.5, 18.7), (0.3, 18.8)], 8), skin)
    c.lathe([(0.9, 18.7), (0.9, 19.4), (0.2, 19.6)], BRASS)
