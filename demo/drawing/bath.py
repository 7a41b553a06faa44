"""What lies and stands beside the water."""

from __future__ import annotations

import math

from demo.drawing.geometry import Material, mix, spline
from demo.drawing.palette import BARE, OAK, PAPER, STEEL, cloth, glaze, matt
from demo.drawing.rest import fold
from demo.drawing.solids import Canvas


def towels(c: Canvas, colour: str) -> None:
    """Three folded towels, the largest below."""
    pale = mix(colour, "#fffaf0", 0.55)
    fold(c, 38, 28, 5.0, colour, -20, 0)
    fold(c.at(-0.4, -0.3), 36, 26.5, 5.0, mix(colour, "#ffffff", 0.06), -20.6, 5.0)
    fold(c.at(0.6, -0.6), 28, 21, 4.2, colour, -18.5, 10.0, pale)


def bath_mat(c: Canvas, colour: str) -> None:
    turn = -18.0
    c.loaf(70, 45, 2.2, cloth(colour), radius=2.0, edge=1.0, turn=turn)
    rows = "".join(
        f'<path d="M{-31} {y}H31" stroke="{tone}" stroke-width=".5" stroke-linecap="round" stroke-opacity=".45"/>'
        for y0 in range(-18, 19, 2)
        for y, tone in ((y0, mix(colour, "#1d1712", 0.3)), (y0 + 0.55, mix(colour, "#ffffff", 0.45)))
    )
    c.top(
        f'{rows}<rect x="-33" y="-20.5" width="66" height="41" rx="1" fill="none" '
        f'stroke="{mix(colour, "#1d1712", 0.3)}" stroke-width=".4" stroke-opacity=".5"/>',
        2.2,
        turn,
    )


def soap(c: Canvas, colour: str = "#c9c79a", turn: float = -20.0, z: float = 0.0) -> None:
    c.loaf(8.4, 5.4, 3.0, Material(colour, 0.22), radius=1.1, edge=0.7, turn=turn, z=z, shadow=z == 0)
    c.top(
        '<rect x="-2.4" y="-1.2" width="4.8" height="2.4" rx="1.2" fill="none" '
        f'stroke="{mix(colour, "#1d1712", 0.35)}" stroke-width=".16" stroke-opacity=".6"/>',
        z + 3.0,
        turn,
    )


def soaps(c: Canvas) -> None:
    soap(c.at(-2.4, -1.5))
    soap(c.at(-2.1, -1.3), "#d3cda6", -12, 3.0)
    wrapped = c.at(6.4, 3.2)
    soap(wrapped, turn=24)
    wrapped.top(
        f'<rect x="-1.9" y="-2.72" width="3.8" height="5.44" fill="{PAPER}"/><circle r="1" fill="#7d8a63"/>', 3.03, 24
    )
    wrapped.front(f'<rect x="2.3" width="3.8" height="2.95" fill="{mix(PAPER, "#1d1712", 0.14)}"/>', 8.4, 5.5, 24)


def soap_dish(c: Canvas, colour: str) -> None:
    c.loaf(13.5, 9.2, 2.2, glaze(colour), radius=3.6, edge=1.0, turn=-18)
    c.top(
        f'<rect x="-5.7" y="-3.6" width="11.4" height="7.2" rx="2.8" fill="{mix(colour, "#1d1712", 0.2)}"/>'
        f'<g stroke="{mix(colour, "#ffffff", 0.25)}" stroke-width=".55" stroke-linecap="round">'
        '<path d="M-3.6 -2.6V2.6M-1.8 -3V3M0 -3V3M1.8 -3V3M3.6 -2.6V2.6"/></g>',
        2.2,
        -18,
    )
    soap(c.at(0, 0), "#cdbf9c", -16, 2.25)


def dispenser(c: Canvas, colour: str) -> None:
    c.round_shadow(3.9, 18)
    c.lathe([(3.6, 0), (3.8, 0.5)], matt(BARE))
    c.lathe(spline([(3.8, 0.5), (4.1, 1.2), (4.1, 8), (3.8, 11.2), (2.4, 12.7), (1.7, 13.2)], 8), glaze(colour))
    c.lathe([(1.9, 13.1), (1.9, 14.9), (1.7, 15.1)], STEEL)
    c.lathe([(0.5, 15), (0.5, 17.4)], STEEL)
    c.tube([(-0.6, 0, 17.6), (-3.4, 1.6, 17.7), (-4.3, 2.2, 16.9)], 0.42, STEEL)
    c.lathe([(1.0, 17.2), (1.05, 18.1), (0.85, 18.3)], STEEL)


def basket(c: Canvas, radius: float = 17.0, height: float = 24.0) -> None:
    """Woven willow: rows of short strokes, each row shifted by half a stroke."""
    r, h = radius, height
    willow = Material("#b98f5f", 0.06)
    c.round_shadow(r * 0.86, h)
    c.lathe(spline([(r * 0.8, 0), (r * 0.86, 1), (r * 0.95, h * 0.5), (r, h)], 8), willow)
    rows = 22
    for i in range(rows):
        z = 0.7 + i * (h - 1.2) / rows
        k = 0.81 + 0.19 * (z / h) ** 0.7
        x, y = c.project(0, 0, z)
        rx = r * k * c.scale
        dashes = []
        for j in range(26):
            start = math.pi * (j + (i % 2) * 0.5) / 25
            if start > math.pi:
                continue
            end = min(math.pi, start + math.pi / 25 * 0.86)
            p = [(x - rx * math.cos(t), y + rx * c.sin * math.sin(t)) for t in (start, (start + end) / 2, end)]
            lift = 0.1 * c.scale
            light = 0.45 * (1 - (j + 0.5) / 26) + 0.1
            dashes.append(
                f'<path d="M{p[0][0]:.1f} {p[0][1]:.1f}Q{p[1][0]:.1f} {p[1][1] + lift:.1f} {p[2][0]:.1f} '
                f'{p[2][1]:.1f}" stroke="{mix("#8a6236", "#f0d3a2", light)}" '
                f'stroke-width="{(h - 1.2) / rows * c.scale * 0.66:.1f}" stroke-linecap="round" fill="none"/>'
            )
        c.parts.append("".join(dashes))
    c.hollow([(r * 0.95, h), (r * 0.9, h * 0.4), (r * 0.8, 1), (0.1, 1)], Material("#94693f", 0.02, "clay"))
    for z, tone in ((h - 0.5, "#a9793f"), (h + 0.1, "#c79c66"), (h + 0.5, "#d9b482")):
        c.ring(r * 0.985, z, tone, 0.8, 1.0)
    for side in (-1, 1):
        c.tube(
            [
                (side * r * 0.97, -3.2, h),
                (side * r * 1.07, -1.6, h + 4.4),
                (side * r * 1.07, 1.6, h + 4.4),
                (side * r * 0.97, 3.2, h),
            ],
            0.75,
            willow,
        )


def stool(c: Canvas) -> None:
    """A round seat on four turned legs with two stretchers."""
    legs = [(-12.5, -8), (12.5, -8), (12.5, 9), (-12.5, 9)]
    for x, y in legs:
        c.at(x * 1.15, y * 1.15).round_shadow(1.6, 6)
    c.shadow([(x, y, 0.0) for x, y in legs], 20, 0.35)
    c.parts.append('<g filter="url(#upright)">')
    for x, y in legs[:2]:
        c.tube([(x * 1.18, y * 1.18, 0), (x * 0.85, y * 0.85, 42)], 1.35, Material("#b98f62", 0.12))
    c.tube([(-13.6, -9.4, 16), (13.6, 9.8, 16)], 0.8, Material("#b98f62", 0.1))
    c.tube([(13.6, -9.4, 19), (-13.6, 9.8, 19)], 0.8, Material("#c59b6c", 0.1))
    for x, y in legs[2:]:
        c.tube([(x * 1.18, y * 1.18, 0), (x * 0.85, y * 0.85, 42)], 1.35, Material("#cfa677", 0.15))
    c.parts.append("</g>")
    c.lathe(spline([(15.2, 41), (16.4, 41.6), (16.8, 42.6), (16.5, 43.8), (15.4, 44.3)], 6), OAK)
    c.hollow([(15.2, 44.3), (9, 43.7), (0.1, 43.5)], Material("#d6b083", 0.1, "wood"))
