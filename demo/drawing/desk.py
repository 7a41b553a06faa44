"""Paper, what writes on it, and what keeps a desk in order."""

from __future__ import annotations

import random

from demo.drawing.geometry import Material, mix, move, turned
from demo.drawing.palette import OAK, PAPER, STEEL, cloth, glaze, matt
from demo.drawing.solids import Canvas

PAGES = Material("#ece4d2", 0.0)


def bound(
    c: Canvas, width: float, depth: float, thick: float, colour: str, turn: float, z: float = 0.0, art: str = ""
) -> None:
    """A hardback lying down, its spine at the left: lower cover, pages, upper cover; `art` lies on the upper one."""
    skin = cloth(colour)
    a, b = turned(turn)
    c.slab(width, depth, 0.25, skin, radius=0.2, turn=turn, z=z, shadow=z == 0)
    block = c.at(*move((0, 0, 0), (-0.1, a), (-0.1, b)))
    block.slab(width - 0.7, depth - 0.6, thick - 0.5, PAGES, radius=0.1, turn=turn, z=z + 0.25, shadow=False)
    for i in range(1, 6):
        level = z + 0.25 + (thick - 0.5) * i / 6
        c.front(
            f'<rect x=".3" width="{width - 0.8}" height=".035" fill="#a79a82" opacity=".6"/>',
            width,
            depth - 0.75,
            turn,
            level,
        )
    spine = c.at(*move((0, 0, 0), (0.15 - width / 2, a)))
    spine.slab(0.35, depth, thick, skin, radius=0.1, turn=turn, z=z, shadow=False)
    c.slab(width, depth, 0.25, skin, radius=0.25, turn=turn, z=z + thick - 0.25, shadow=False)
    hinge = f'<rect x="{1.1 - width / 2}" y="{-depth / 2}" width=".18" height="{depth}" fill="#000" opacity=".12"/>'
    c.top(hinge + art, z + thick + 0.005, turn)


def pencil(c: Canvas, colour: str, length: float, lean: float, z: float = 0.0) -> None:
    """A hexagonal pencil lying down: three of its faces are seen, each in its own tone."""
    a, b = turned(lean)
    body = length - 2.6
    c.shadow(
        [
            move((0, 0, 0), (p, a), (q, b))
            for p, q in (
                (-length / 2, -0.3),
                (length / 2 - 1, -0.3),
                (length / 2, 0),
                (length / 2 - 1, 0.3),
                (-length / 2, 0.3),
            )
        ],
        0.8,
        0.8,
    )
    x = -length / 2
    faces = "".join(
        f'<rect x="{x}" y="{y}" width="{body}" height="{h}" fill="{tone}"/>'
        for y, h, tone in (
            (-0.42, 0.3, mix(colour, "#ffffff", 0.22)),
            (-0.13, 0.32, colour),
            (0.18, 0.24, mix(colour, "#1d1712", 0.32)),
        )
    )
    tip = x + body
    cone = (
        f'<path d="M{tip} -.42L{tip + 2.0} -.1V.1L{tip} .42Q{tip + 0.3} 0 {tip} -.42z" fill="#dcb98b"/>'
        f'<path d="M{tip} .12L{tip + 2} .04V.1L{tip} .42z" fill="#b48b5e"/>'
    )
    lead = f'<path d="M{tip + 1.95} -.11L{tip + 2.6} 0L{tip + 1.95} .11z" fill="#3a3a39"/>'
    end = f'<rect x="{x - 0.15}" y="-.4" width=".5" height=".8" rx=".12" fill="{PAPER}"/>'
    c.flat(end + faces + cone + lead, (0, 0, 0.35 + z), a, b)


def notebook(c: Canvas, colour: str) -> None:
    band = "#c98052"
    turn = -12.0
    art = (
        f'<rect x="4.6" y="-10.55" width=".75" height="21.1" fill="{band}"/>'
        '<rect x="5.3" y="-10.55" width=".12" height="21.1" fill="#000" opacity=".18"/>'
    )
    bound(c, 14.8, 21, 2.0, colour, turn, art=art)
    c.front(f'<rect x="12" width=".75" height="2" fill="{mix(band, "#1d1712", 0.25)}"/>', 14.8, 21.1, turn)
    pencil(c.at(11.5, 5.5), "#c29a6c", 17, -62)


def book(c: Canvas, colour: str, art: str, thick: float = 2.8) -> None:
    bound(c, 17.5, 24, thick, colour, -14, art=art)


HOUSE = (
    f'<rect x="-5.6" y="-8.6" width="12.4" height="17.2" fill="{PAPER}"/>'
    '<path d="M-3 4.6V-1.4L.6 -4.8L4.2 -1.4V4.6z" fill="#b9623f"/>'
    f'<rect x="-.5" y="1" width="2.2" height="3.6" fill="{PAPER}"/>'
    '<path d="M2.4 -3.2V-5.4H3.4V-2.2z" fill="#b9623f"/>'
    '<path d="M-3 6.3H4.2M-1.6 7.2H2.8" stroke="#4b3b30" stroke-width=".28"/>'
)
BREAD = (
    '<rect x="-5.6" y="-8.6" width="12.4" height="17.2" fill="#d9cab2"/>'
    '<path d="M-3.9 2.4C-5 -2 -1.8 -4.6 .6 -4.6C3 -4.6 6.2 -2 5.1 2.4C4.4 3.6 -3.2 3.6 -3.9 2.4z" '
    'fill="#a8693d"/>'
    '<path d="M-1.9 -2.2Q-.9 -.6 -1.5 1.4M.6 -3Q1.5 -.8 .7 1.4M3 -2.4Q3.8 -.6 2.9 1.4" stroke="#ecd9b6" '
    'stroke-width=".5" fill="none" stroke-linecap="round"/>'
    '<path d="M-3 6.3H4.2M-1.6 7.2H2.8" stroke="#4b3b30" stroke-width=".28"/>'
)


def pencils(c: Canvas) -> None:
    for i, colour in enumerate(("#4f7276", "#6f8ca3", "#7d8a63", "#c9a25a", "#b9623f", "#575a5a")):
        pencil(c.at((i - 2.5) * 0.5, (i - 2.5) * 2.3), colour, 17.6, -14 + (i - 2.5) * 2.0)


def pen(c: Canvas, colour: str) -> None:
    """A fountain pen, open, its cap beside it."""
    a, b = turned(-32)
    dark, light = mix(colour, "#1d1712", 0.5), mix(colour, "#ffffff", 0.35)
    ramp = c.define(
        '<linearGradient id="@" x1="0" y1="0" x2="0" y2="1">'
        f'<stop offset="0" stop-color="{mix(colour, "#ffffff", 0.1)}"/>'
        f'<stop offset=".22" stop-color="{light}"/>'
        f'<stop offset=".45" stop-color="{colour}"/><stop offset="1" stop-color="{dark}"/></linearGradient>'
    )
    gold = c.define(
        '<linearGradient id="@" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#d9b878"/>'
        '<stop offset=".25" stop-color="#fff1cf"/><stop offset="1" stop-color="#94723a"/></linearGradient>'
    )
    c.shadow(
        [move((0, 0, 0), (p, a), (q, b)) for p, q in ((-6.6, -0.5), (6.6, -0.2), (6.6, 0.3), (-6.6, 0.6))], 1.2, 0.9
    )
    c.flat(
        f'<path d="M-6.2 -.62H2.2V.62H-6.2Q-6.9 .5 -6.9 0Q-6.9 -.5 -6.2 -.62z" fill="{ramp}"/>'
        f'<rect x="2.1" y="-.62" width=".22" height="1.24" fill="{gold}"/>'
        f'<path d="M2.3 -.52L4.6 -.4V.4L2.3 .52z" fill="{ramp}"/>'
        f'<path d="M4.6 -.36C5.4 -.42 6 -.2 6.9 0C6 .2 5.4 .42 4.6 .36z" fill="{gold}"/>'
        '<path d="M5.3 0H6.8" stroke="#6b5026" stroke-width=".05"/><circle cx="5.3" r=".11" fill="#6b5026"/>',
        (0, 0, 0.6),
        a,
        b,
    )
    u, v = turned(-20)
    cap = c.at(2.6, 5.2)
    cap.shadow([move((0, 0, 0), (p, u), (q, v)) for p, q in ((-3, -0.6), (3, -0.6), (3, 0.7), (-3, 0.7))], 1.2, 0.9)
    cap.flat(
        f'<path d="M-3 -.68H2.6Q3.3 -.6 3.3 0Q3.3 .6 2.6 .68H-3z" fill="{ramp}"/>'
        f'<rect x="-3" y="-.69" width=".5" height="1.38" fill="{gold}"/>'
        f'<rect x="-1.6" y="-.35" width="4.3" height=".3" rx=".15" fill="{gold}"/>',
        (0, 0, 0.65),
        u,
        v,
    )


def desk_tray(c: Canvas) -> None:
    c.tray(34, 25, 4.2, OAK, wall=1.1, floor=0.9, radius=1.6, turn=-20)
    inside = c.at(-1, 1.5, 0.9)
    for i in range(3):
        inside.slab(20, 15, 0.25, matt(PAPER), radius=0.1, turn=-20 + i * 3, z=i * 0.25, shadow=False)
    pencil(c.at(8, -0.5, 1.0), "#6f8ca3", 17, -74)


def pen_pot(c: Canvas, colour: str) -> None:
    r, h = 4.2, 10.5
    c.round_shadow(r * 0.95, h)
    c.lathe([(r * 0.94, 0), (r * 0.97, 0.6)], matt("#c7ab8d"))
    c.lathe([(r * 0.97, 0.6), (r, 0.9), (r, h - 0.2), (r * 0.96, h)], glaze(colour))
    c.hollow([(r * 0.9, h), (r * 0.88, 1)], glaze(PAPER))
    c.parts.append(f'<g clip-path="{c.within(r * 0.9, h)}">')
    c.tube([(0.6, -1, 3), (-2.6, -2.2, 17.5)], 0.36, matt("#c9a25a"))
    c.tube([(-1, -1, 3), (2.5, -1.5, 16.2)], 0.36, matt("#6f8ca3"))
    c.tube([(0, 0.5, 3), (0.4, 0.6, 15)], 0.42, STEEL)
    c.tube([(0.4, 0.6, 14), (0.4, 0.6, 16.5)], 0.5, matt("#35383a"))
    c.parts.append("</g>")
    c.ring(r * 0.945, h, mix(colour, "#ffffff", 0.4), 0.08, 0.7)


def pinboard(c: Canvas) -> None:
    c.slab(64, 2.6, 46, OAK, radius=0.4, turn=-10)
    note = (
        '<g transform="rotate({turn} {x} {y})"><rect x="{x}" y="{y}" width="{w}" height="{h}" fill="{fill}"/>'
        '<circle cx="{px}" cy="{py}" r=".75" fill="#b9623f"/>'
        '<circle cx="{qx}" cy="{qy}" r=".28" fill="#e2a184"/></g>'
    )
    notes = "".join(
        note.format(turn=t, x=x, y=y, w=w, h=h, fill=f, px=x + w / 2, py=y + h - 1.2, qx=x + w / 2 - 0.2, qy=y + h - 1)
        for t, x, y, w, h, f in (
            (-4, 9, 20, 12, 16, PAPER),
            (3, 28, 24, 15, 11, "#c8d0d4"),
            (-2, 33, 8, 11, 11, "#e3d3b4"),
        )
    )
    dice = random.Random(2)
    crumbs = "".join(
        f'<circle cx="{dice.uniform(2.5, 61.5):.1f}" cy="{dice.uniform(2.5, 43.5):.1f}" '
        f'r="{dice.uniform(0.08, 0.28):.2f}" fill="{dice.choice(("#8a6136", "#e0bd92", "#a87c4d"))}" '
        'opacity=".55"/>'
        for _ in range(700)
    )
    c.front(
        f'<rect x="2" y="2" width="60" height="42" fill="#c49a6e"/>{crumbs}<path d="M2 44H62V42.6H3.4V2H2z" '
        f'fill="#1d1712" opacity=".2"/>{notes}',
        64,
        2.6,
        -10,
    )


def desk_mat(c: Canvas, colour: str) -> None:
    turn = -16.0
    c.slab(70, 34, 0.5, cloth(colour), radius=1.6, turn=turn)
    stitch = (
        '<rect x="-34" y="-16" width="68" height="32" rx="1" fill="none" '
        f'stroke="{mix(colour, "#ffffff", 0.4)}" stroke-width=".22" stroke-dasharray=".9 .6"/>'
    )
    c.top(f'{stitch}<rect x="27" y="9" width="5.5" height="4.5" rx=".4" fill="#8d5f41"/>', 0.51, turn)
    bound(c.at(-11, -1, 0.5), 14.8, 21, 1.6, "#e2d8c4", turn)
    pencil(c.at(9, 3, 0.5), "#c29a6c", 17, -48)
