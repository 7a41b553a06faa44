"""Cloth: folded, filled and sewn."""

from __future__ import annotations

import math

from demo.drawing.geometry import UP, Material, Point, mix, move, path, rounded, spline, turned
from demo.drawing.palette import cloth
from demo.drawing.solids import Canvas


def fold(
    c: Canvas,
    width: float,
    depth: float,
    thick: float,
    colour: str,
    turn: float,
    z: float = 0.0,
    stripes: str = "",
    texture: str = "cloth",
) -> None:
    """One folded layer: its round fold at the left, its edges towards the viewer; `stripes` colours bands on it."""
    a, b = turned(turn)
    if z == 0:
        c.shadow([move((0, 0, 0), (p, a), (q, b)) for p, q in rounded(width * 0.98, depth * 0.98, 1)], thick * 3)
    r = thick / 2
    bend = [(-width / 2 + r - r * math.sin(t), r - r * math.cos(t)) for t in [math.pi * i / 10 for i in range(11)]]
    far = [
        (width / 2 - 0.35 * r - 0.0 + 0.35 * r * math.cos(t), r + r * math.sin(t))
        for t in [math.pi / 2 - math.pi * i / 10 for i in range(11)]
    ]
    outline: list[Point] = list(reversed(bend + far))
    c.extrude(outline, a, UP, b, depth, Material(colour, 0.0, texture), move((0, 0, z), (-depth / 2, b)))
    dark = mix(colour, "#1d1712", 0.45)
    seam = f"M{width} {r}H{r * 1.4}"
    c.front(
        f'<path d="{seam}" stroke="{dark}" stroke-width=".22" stroke-opacity=".55" fill="none" '
        'stroke-linecap="round"/>'
        f'<path d="M{width - 0.2} {thick - 0.12}H{r}" stroke="#fff" stroke-width=".14" stroke-opacity=".25"/>',
        width,
        depth,
        turn,
        z,
    )
    if stripes:
        bands = "".join(
            f'<rect x="{width / 2 - x}" y="{-depth / 2}" width="{w}" height="{depth}" fill="{stripes}" opacity=".85"/>'
            for x, w in ((9, 1.1), (7.2, 2.6), (3.9, 1.1))
        )
        c.top(bands, z + thick + 0.01, turn)
        edge = "".join(
            f'<rect x="{width - x}" y="{r + 0.1}" width="{w}" height="{r - 0.15}" '
            f'fill="{mix(stripes, "#1d1712", 0.2)}" opacity=".8"/>'
            for x, w in ((9, 1.1), (7.2, 2.6), (3.9, 1.1))
        )
        c.front(edge, width, depth, turn, z)


def blanket(c: Canvas, colour: str, stripe: str) -> None:
    turn = -22.0
    for i in range(3):
        fold(c, 42 - i * 0.6, 32, 4.2, colour, turn + (i - 1) * 0.8, i * 4.15, stripe if i == 2 else "")


def cushion(c: Canvas, colour: str, width: float = 45.0, height: float = 45.0) -> None:
    """Standing, leaning back a little: corners drawn out, belly full, piped seam."""
    w, h = width / 2, height / 2
    c.shadow([(p, q, 0.0) for p, q in rounded(width * 0.84, 7, 3)], 24, 0.8)
    loop: list[Point] = []
    for i in range(160):
        t = 2 * math.pi * i / 160
        # A superellipse whose corners reach a little further out than its middle.
        x, z = (math.copysign(abs(f) ** 0.3, f) for f in (math.cos(t), math.sin(t)))
        ear = 0.885 + 0.13 * abs(x * z) ** 2
        loop.append((w * x * ear, h * 0.985 + h * z * ear))
    d = path(c.project(x, 0, z) for x, z in loop)
    body = c.define(
        '<radialGradient id="@" cx=".4" cy=".38" r=".74">'
        f'<stop offset="0" stop-color="{mix(colour, "#fff8ea", 0.3)}"/>'
        f'<stop offset=".45" stop-color="{colour}"/>'
        f'<stop offset=".85" stop-color="{mix(colour, "#1d1712", 0.22)}"/>'
        f'<stop offset="1" stop-color="{mix(colour, "#1d1712", 0.36)}"/></radialGradient>'
    )
    dark, pale = mix(colour, "#1d1712", 0.3), mix(colour, "#ffffff", 0.35)
    s = c.scale
    c.parts.append(f'<path d="{d}" fill="{body}" filter="url(#cloth)"/>')
    for sx, sz in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        for bow in (-0.05, 0.07):
            crease = spline(
                [(sx * w * (0.9 - k), h * 0.985 + sz * h * (0.9 - k - bow * k * 4)) for k in (0.0, 0.12, 0.26)]
            )
            c.parts.append(
                f'<path d="{path((c.project(x, 0, z) for x, z in crease), close=False)}" stroke="{dark}" '
                f'stroke-width="{0.6 * s:.1f}" stroke-opacity=".3" '
                'fill="none" stroke-linecap="round" filter="url(#melt)"/>'
            )
    c.parts.append(
        f'<path d="{d}" fill="none" stroke="{dark}" stroke-width="{0.75 * s:.1f}"/>'
        f'<path d="{d}" fill="none" stroke="{pale}" stroke-width="{0.2 * s:.1f}" transform="translate(-2 '
        '-2)"/>'
    )


def bed_linen(c: Canvas, colour: str) -> None:
    turn = -22.0
    for i in range(3):
        fold(c, 40, 30, 2.5, colour, turn, i * 2.5)
    for i in range(2):
        fold(c.at(-0.8, -0.5), 33, 25, 2.1, mix(colour, "#ffffff", 0.14), turn, 7.5 + i * 2.1)
    c.at(-0.8, -0.5).top('<rect x="-1" y="-12.5" width="2" height="25" fill="#c9ab85"/>', 11.72, turn)
    c.at(-0.8, -0.5).front('<rect x="15.5" width="2" height="4.2" fill="#a98c68"/>', 33, 25.05, turn, 7.5)
    a, b = turned(turn)
    knot = move((-0.8, -0.5, 11.9), (6, b))
    c.tube([move(knot, (-2.8, a), (0.6, UP)), knot, move(knot, (2.8, a), (0.6, UP))], 0.34, Material("#c9ab85"))
    c.tube([knot, move(knot, (-2.4, a), (3, b))], 0.3, Material("#b99a73"))
    c.tube([knot, move(knot, (2.0, a), (3.2, b))], 0.3, Material("#b99a73"))


def pouf(c: Canvas, colour: str) -> None:
    r, h = 28, 32
    c.round_shadow(r * 0.92, h)
    c.lathe(
        spline(
            [
                (r * 0.86, 0),
                (r * 0.96, 3),
                (r, h * 0.5),
                (r * 0.97, h - 4),
                (r * 0.86, h - 0.6),
                (r * 0.5, h + 0.6),
                (0.5, h + 0.9),
            ],
            8,
        ),
        cloth(colour),
    )
    for z, k in ((h - 3.2, 0.965), (3.0, 0.965)):
        c.ring(r * k, z, mix(colour, "#1d1712", 0.35), 0.5, 0.7, front=True)
        c.ring(r * k, z + 0.35, mix(colour, "#ffffff", 0.3), 0.22, 0.6, front=True)
    for u in (-0.82, -0.38, 0.16, 0.66):
        near = r * math.sqrt(1 - u * u)
        c.tube(
            [(u * r * 0.965, near * 0.965, 3), (u * r, near, h / 2), (u * r * 0.965, near * 0.965, h - 3.2)],
            0.16,
            Material(mix(colour, "#1d1712", 0.3)),
        )
    c.disc(2.2, h + 0.9, mix(colour, "#1d1712", 0.3), 0.6)
    c.disc(1.8, h + 1.1, mix(colour, "#ffffff", 0.12))


def eye_pillow(c: Canvas, colour: str) -> None:
    c.loaf(23, 10.5, 3.4, cloth(colour), radius=2.6, edge=1.7, turn=-20)
    seam = (
        '<rect x="-10.6" y="-4.4" width="21.2" height="8.8" rx="2" fill="none" '
        f'stroke="{mix(colour, "#1d1712", 0.3)}" stroke-width=".14" stroke-dasharray=".5 .32"/>'
    )
    c.top(seam, 3.2, -20)
    for x, y, lean in ((13.5, 4.5, 40), (15.2, 3.0, 58), (11.6, 6.2, 28)):
        stem = c.at(x - 1, y + 1)
        a, b = turned(lean)
        buds = "".join(
            f'<ellipse cx="{5 + i * 0.55}" cy="{0.22 if i % 2 else -0.22}" rx=".42" ry=".26" '
            f'fill="{"#7f78a0" if i % 2 else "#948db3"}"/>'
            for i in range(8)
        )
        stem.flat(f'<path d="M-2 0H9" stroke="#8a9468" stroke-width=".18"/>{buds}', (0, 0, 0.3), a, b)
