"""What plays."""

from __future__ import annotations

from collections.abc import Sequence

from demo.drawing.geometry import UP, Material, Vector, mix, move, oval, spline, turned
from demo.drawing.palette import BLACK, BRASS, OAK, RUBBER, STEEL, cloth, matt
from demo.drawing.solids import Canvas

LEATHER = Material("#8d5f41", 0.1, "cloth")


def headphones(c: Canvas, colour: str, band: str = "#6b5443") -> None:
    """Standing on their cups: the left one shows its cushion, the right one its shell."""
    a, b = turned(38)
    shell, pad = Material(colour, 0.35), matt(mix(colour, "#1d1712", 0.55))

    def cup(centre: Vector, layers: list[tuple[float, float, float, Material]]) -> None:
        for start, thickness, radius, material in layers:
            c.extrude(oval(2 * radius, 2.2 * radius), b, UP, a, thickness, material, move(centre, (start, a)))

    left, right = move((0, 0, 4.7), (-8.6, a)), move((0, 0, 4.7), (8.6, a))
    for centre in (left, right):
        c.at(centre[0], centre[1]).shadow([move((0, 0, 0), (p, a), (q, b)) for p, q in oval(4.4, 4.6)], 12)
    arc = [
        move((0, 0, z), (x, a))
        for x, z in (
            (-9.6, 6),
            (-9.7, 11),
            (-8.6, 16.4),
            (-5, 20.6),
            (0, 22),
            (5, 20.6),
            (8.6, 16.4),
            (9.7, 11),
            (9.6, 6),
        )
    ]
    cup(left, [(-2.6, 2.6, 4.3, shell), (0, 1.8, 4.1, pad)])
    disc(
        c,
        move(left, (1.81, a)),
        b,
        4.1,
        (
            (0, BLACK, 1),
            (0.44, BLACK, 1),
            (0.5, pad.colour, 1),
            (0.74, mix(pad.colour, "#ffffff", 0.3), 1),
            (1, mix(pad.colour, "#1d1712", 0.3), 1),
        ),
    )
    c.tube(arc[:3], 0.34, STEEL)
    c.tube(arc[6:8], 0.34, STEEL, cap="butt")
    c.tube(arc[2:7], 1.15, Material(band, 0.05))
    cup(right, [(-1.8, 1.8, 4.1, pad), (0, 2.4, 4.3, shell)])
    disc(
        c,
        move(right, (2.41, a)),
        b,
        4.3,
        (
            (0, mix(colour, "#ffffff", 0.3), 1),
            (0.7, mix(colour, "#ffffff", 0.08), 1),
            (0.93, colour, 1),
            (1, mix(colour, "#1d1712", 0.25), 1),
        ),
    )
    c.tube(arc[7:], 0.34, STEEL)
    c.flat(
        '<ellipse rx="2.5" ry="2.75" fill="#c98052"/><ellipse rx="2.3" ry="2.53" fill="#e6e1d8"/>',
        move(right, (2.6, a)),
        b,
        UP,
    )


def disc(c: Canvas, centre: Vector, across: Vector, radius: float, stops: Sequence[tuple[float, str, float]]) -> None:
    """A round face, shaded from its middle (lit from the upper left) to its rim."""
    body = "".join(f'<stop offset="{o}" stop-color="{tone}" stop-opacity="{a}"/>' for o, tone, a in stops)
    fill = c.define(f'<radialGradient id="@" cx=".47" cy=".53" r=".54">{body}</radialGradient>')
    c.flat(f'<ellipse rx="{radius}" ry="{radius * 1.1:.2f}" fill="{fill}"/>', centre, across, UP)


def drum(c: Canvas) -> None:
    skin = cloth("#6d7270")
    c.round_shadow(6.4, 15)
    c.lathe([(6.2, 0), (6.3, 0.5)], RUBBER)
    c.lathe(spline([(6.3, 0.5), (6.9, 1.4), (7, 4), (7, 12), (6.8, 14.4)], 8), skin)
    c.lathe([(6.9, 14.4), (7, 14.7), (6.9, 15.3), (6.6, 15.5)], OAK)
    c.disc(1.6, 15.5, "#bdb9b1")
    c.tube([(-6.2, 0, 15), (-5.4, 0, 20), (0, 0, 22.6), (5.4, 0, 20), (6.2, 0, 15)], 0.42, LEATHER)


def radio(c: Canvas, colour: str) -> None:
    """A box of oak with a painted front, one large dial and a grille of slots."""
    turn = -20.0
    c.slab(25, 9, 15, OAK, radius=2.2, turn=turn)
    slots = "".join(
        f'<rect x="2.6" y="{2.6 + i * 1.05:.2f}" width="11" height=".46" rx=".23" fill="#2c2824" opacity=".72"/>'
        for i in range(10)
    )
    dial = (
        '<circle cx="18.6" cy="9" r="3.5" fill="#efe8d9"/>'
        '<circle cx="18.6" cy="9" r="3.5" fill="none" stroke="#3b3a38" stroke-opacity=".35" '
        'stroke-width=".12"/>'
        + "".join(
            f'<rect x="18.5" y="11.4" width=".2" height=".75" fill="#4b3b30" transform="rotate({d} 18.6 9)"/>'
            for d in range(-130, 131, 20)
        )
        + '<circle cx="18.6" cy="9" r="1.75" fill="#c9a057"/>'
        '<circle cx="18.45" cy="9.15" r="1.35" fill="#d9b878"/>'
        '<path d="M18.6 9L17.2 11.4" stroke="#9c4f38" stroke-width=".22"/>'
        '<circle cx="16.4" cy="3.6" r=".8" fill="#c9a057"/><circle cx="20.8" cy="3.6" r=".8" fill="#c9a057"/>'
    )
    c.front(
        f'<rect x="1.1" y="1" width="22.8" height="13" rx="1.2" fill="{mix(colour, "#1d1712", 0.1)}"/>{slots}{dial}',
        25,
        9,
        turn,
    )
    a, _ = turned(turn)
    c.tube(
        [
            move((0, 0, 15), (-8, a)),
            move((0, 0, 17.6), (-6.2, a)),
            move((0, 0, 18.4), (0, a)),
            move((0, 0, 17.6), (6.2, a)),
            move((0, 0, 15), (8, a)),
        ],
        0.5,
        LEATHER,
    )


def turntable(c: Canvas) -> None:
    turn = -16.0
    a, b = turned(turn)
    for x, y in ((-17, 13), (17, 13), (17, -13), (-17, -13)):
        foot = c.at(*move((0, 0, 0), (x, a), (y, b)))
        foot.lathe([(2, 0), (2, 1.2)], RUBBER)
    c.slab(43, 34, 7, OAK, radius=1.0, turn=turn, z=1.0)
    c.grain(43, 34, 8.0, turn, seed=9, lines=26)
    platter = c.at(*move((0, 0, 8), (-4.5, a), (1.0, b)))
    platter.disc(15.6, 0, "#3a2a1c", 0.35)
    platter.lathe([(14.8, 0), (15, 0.3), (15, 1.5), (14.8, 1.7)], STEEL)
    platter.lathe([(14.7, 1.7), (14.7, 2.0)], matt("#2f2f30"))
    platter.disc(14.6, 2.0, "#343435")
    for i in range(12):
        platter.ring(5.6 + i * 0.74, 2.02, "#6b6c6e", 0.05, 0.45)
    platter.disc(4.7, 2.05, "#b9623f")
    platter.ring(3.9, 2.06, "#f1ebde", 0.08, 0.6)
    platter.lathe([(0.3, 2.0), (0.3, 3.0)], STEEL)
    pivot = move((0, 0, 8), (15.5, a), (-9.5, b))
    base = c.at(*pivot)
    base.lathe([(3, 0), (3, 1.2), (2.8, 1.4)], matt(BLACK))
    base.lathe([(1.1, 1.4), (1.1, 4)], STEEL)
    c.tube([move(pivot, (4, UP), (-4.2, b), (0.6, a)), move(pivot, (4, UP))], 0.95, matt(BLACK), cap="butt")
    c.tube(
        [move(pivot, (4, UP)), move(pivot, (4.0, UP), (10, b), (-1, a)), move(pivot, (3.4, UP), (18.0, b), (-5.5, a))],
        0.36,
        STEEL,
    )
    c.tube(
        [move(pivot, (3.2, UP), (17.6, b), (-5.3, a)), move(pivot, (2.9, UP), (20.4, b), (-7.2, a))],
        0.62,
        matt(BLACK),
        cap="butt",
    )
    knob = c.at(*move((0, 0, 8), (17.2, a), (13.2, b)))
    knob.lathe([(1.5, 0), (1.5, 1.2), (1.3, 1.4)], BRASS)


def driver(x: float, y: float, r: float) -> str:
    return (
        f'<circle cx="{x}" cy="{y}" r="{r}" fill="#2c2b2a"/>'
        f'<circle cx="{x}" cy="{y}" r="{r * 0.88:.2f}" fill="#4b4a48"/>'
        f'<circle cx="{x}" cy="{y}" r="{r * 0.74:.2f}" fill="#3a3938"/>'
        f'<circle cx="{x - r * 0.06:.2f}" cy="{y + r * 0.08:.2f}" r="{r * 0.3:.2f}" fill="#6b6966"/>'
        f'<circle cx="{x}" cy="{y}" r="{r * 0.96:.2f}" fill="none" stroke="#fff" stroke-opacity=".16" '
        'stroke-width=".14"/>'
    )


def shelf_speaker(c: Canvas, colour: str, turn: float) -> None:
    wood = Material(colour, 0.1, "upright")
    c.slab(17, 19, 28, wood, radius=0.7, turn=turn)
    c.front(
        '<rect x="1" y="1" width="15" height="26" rx=".6" fill="#1d1712" '
        f'opacity=".14"/>{driver(8.5, 10, 5.9)}{driver(8.5, 21.4, 2.6)}',
        17,
        19,
        turn,
    )


def shelf_speakers(c: Canvas, colour: str) -> None:
    shelf_speaker(c.at(-14, -4), colour, 16)
    shelf_speaker(c.at(13, 3), colour, -20)


def perch(c: Canvas) -> None:
    """A stand for headphones: a weighted foot, one stem, one saddle."""
    c.round_shadow(7.5, 26)
    c.lathe([(7.4, 0), (7.6, 0.4), (7.6, 1.8), (7.3, 2.1)], OAK)
    c.disc(7.3, 2.1, "#dcb98e", 0.5)
    c.tube([(0, 0, 2), (0, 0, 25)], 0.65, BRASS)
    a, b = turned(-24)
    saddle = [(-1.9, -1.0), (1.9, -1.0), (1.9, 0.2), (1.3, 1.2), (0.0, 1.55), (-1.3, 1.2), (-1.9, 0.2)]
    c.extrude(saddle, b, UP, a, 9, OAK, move((0, 0, 26), (-4.5, a)))
