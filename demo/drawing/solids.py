"""Solids as SVG: a small parallel projection, one light, and four ways to make a thing (turn, hollow, extrude, bend).

Lengths are centimetres: x to the right, y towards the viewer, z up. A parallel projection is affine, so a flat detail
(a label, a dial, a seam) is ordinary SVG under the matrix of its plane.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from demo.drawing.geometry import (
    ACROSS,
    RIGHT,
    UP,
    Material,
    Point,
    Vector,
    dot,
    mix,
    move,
    oval,
    path,
    rounded,
    shade,
    spline,
    trace,
    turned,
)

BLURS = {"contact": 12, "soft": 38, "melt": 5}
# Name: noise frequency across and down, octaves, seed, the stain's red, green and blue, its strength and threshold.
TEXTURES: dict[str, tuple[str, int, int, str, float, float]] = {
    "wood": (".004 .075", 3, 7, ".34 .2 .1", 1.5, -0.56),
    "upright": (".07 .004", 3, 5, ".34 .2 .1", 1.5, -0.56),
    "cloth": (".32 .26", 2, 2, ".16 .13 .1", 0.66, -0.27),
    "speckle": (".16", 2, 11, ".3 .22 .15", 9, -6.1),
    "clay": (".05 .12", 3, 4, ".25 .12 .07", 0.7, -0.27),
}


def filters() -> str:
    """Blurs for shadows, and textures: noise turned into a stain that covers only what is painted."""
    blurs = (
        f'<filter id="{name}" x="-80%" y="-160%" width="260%" height="420%">'
        f'<feGaussianBlur stdDeviation="{size}"/></filter>'
        for name, size in BLURS.items()
    )
    textures = (
        f'<filter id="{name}" x="-25%" y="-25%" width="150%" height="150%">'
        f'<feTurbulence type="fractalNoise" baseFrequency="{frequency}" numOctaves="{octaves}" seed="{seed}"/>'
        f'<feColorMatrix values="{"".join(f"0 0 0 0 {part} " for part in stain.split())}{strength} 0 0 0 {threshold}"/>'
        '<feComposite in2="SourceAlpha" operator="in"/>'
        '<feMerge><feMergeNode in="SourceGraphic"/><feMergeNode/></feMerge></filter>'
        for name, (frequency, octaves, seed, stain, strength, threshold) in TEXTURES.items()
    )
    return "".join([*blurs, *textures])


@dataclass
class Canvas:
    """A picture in the making. `at` gives the same picture with its origin moved, so that scenes reuse the objects."""

    width: int
    height: int
    scale: float  # pixels for a centimetre
    ground: Point  # the pixel where the origin stands
    pitch: float = 15.0  # degrees the camera looks down; more for what lies flat
    origin: Vector = (0.0, 0.0, 0.0)
    defs: list[str] = field(default_factory=list)
    shadows: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    fills: dict[tuple[Material, int, int, int], str] = field(default_factory=dict)

    @property
    def sin(self) -> float:
        return math.sin(math.radians(self.pitch))

    @property
    def cos(self) -> float:
        return math.cos(math.radians(self.pitch))

    @property
    def view(self) -> Vector:
        return (0.0, self.cos, self.sin)

    def at(self, x: float, y: float = 0.0, z: float = 0.0) -> Canvas:
        return replace(self, origin=move(self.origin, (1, (x, y, z))))

    def project(self, x: float, y: float, z: float) -> Point:
        x, y, z = move(self.origin, (1, (x, y, z)))
        return self.ground[0] + x * self.scale, self.ground[1] - (z * self.cos - y * self.sin) * self.scale

    def plane(self, start: Vector, u: Vector = RIGHT, v: Vector = UP) -> str:
        """The SVG transform that puts flat drawing (in cm) onto the plane through `start` along u and v."""
        x, y = self.project(*start)
        flat = [(w[0] * self.scale, (w[1] * self.sin - w[2] * self.cos) * self.scale) for w in (u, v)]
        return "matrix({:.4f} {:.4f} {:.4f} {:.4f} {:.2f} {:.2f})".format(*flat[0], *flat[1], x, y)

    def flat(self, svg: str, start: Vector, u: Vector = RIGHT, v: Vector = UP) -> None:
        self.parts.append(f'<g transform="{self.plane(start, u, v)}">{svg}</g>')

    def define(self, svg: str) -> str:
        """Adds a definition (with id="@") and answers its reference."""
        name = f"d{len(self.defs)}"
        self.defs.append(svg.replace('id="@"', f'id="{name}"'))
        return f"url(#{name})"

    # Shadows -----------------------------------------------------------------------------------------------------

    def shadow(self, outline: Sequence[Vector], height: float, strength: float = 1.0) -> None:
        """What a thing of this footprint and height leaves on the ground: dark where it touches, soft to the right."""
        feet = [self.project(*p) for p in outline]
        drift = min(height, 30) * 0.22 * self.scale
        cast = [(x + drift, y + drift * 0.12) for x, y in feet]
        self.shadows.append(
            f'<path d="{path(cast)}" fill="#4a3f33" opacity="{0.26 * strength:.2f}" filter="url(#soft)"/>'
        )
        self.shadows.append(
            f'<path d="{path([(x + 4, y + 3) for x, y in feet])}" fill="#2e261e" opacity="{0.4 * strength:.2f}" '
            'filter="url(#contact)"/>'
        )

    def round_shadow(self, radius: float, height: float, strength: float = 1.0) -> None:
        self.shadow([(x, y, 0.0) for x, y in oval(2 * radius, 2 * radius)], height, strength)

    # Turned things -----------------------------------------------------------------------------------------------

    def lathe(self, profile: Sequence[Point], material: Material) -> None:
        """A solid of revolution: (radius, height) from below upwards. Painted as a stack of discs, each hiding
        the one below but for the rim that is seen, so that any profile is shaded truly."""
        self._stack(self._slices(profile), material, inside=False)

    def hollow(self, profile: Sequence[Point], material: Material) -> None:
        """The inside of an open vessel: (radius, height) from its rim downwards."""
        radius, height = profile[0]
        x, y = self.project(0, 0, height)
        clip = self.define(
            '<clipPath id="@">'
            f'<ellipse cx="{x:.1f}" cy="{y:.1f}" rx="{radius * self.scale:.1f}" '
            f'ry="{radius * self.scale * self.sin:.1f}"/></clipPath>'
        )
        self.parts.append(f'<g clip-path="{clip}">')
        self._stack(self._slices(profile), material, inside=True)
        self.parts.append("</g>")

    def within(self, radius: float, height: float) -> str:
        """The clip for what stands in a vessel: all that its near rim does not hide."""
        x, y = self.project(0, 0, height)
        r = radius * self.scale
        return self.define(
            f'<clipPath id="@"><path d="M{x - r:.1f} {y:.1f}A{r:.1f} {r * self.sin:.1f} 0 0 0 {x + r:.1f} {y:.1f}'
            f'L{x + 9 * r + 900:.0f} {y:.1f}V-2000H{x - 9 * r - 900:.0f}V{y:.1f}Z"/></clipPath>'
        )

    def disc(self, radius: float, height: float, fill: str, opacity: float = 1.0) -> None:
        x, y = self.project(0, 0, height)
        r = radius * self.scale
        self.parts.append(
            f'<ellipse cx="{x:.1f}" cy="{y:.1f}" rx="{r:.1f}" ry="{r * self.sin:.1f}" fill="{fill}" '
            f'opacity="{opacity}"/>'
        )

    def ring(
        self, radius: float, height: float, colour: str, width: float, opacity: float = 1.0, front: bool = False
    ) -> None:
        """A line around a turned thing; only its near half with `front`."""
        x, y = self.project(0, 0, height)
        r = radius * self.scale
        far = "" if front else f"A{r:.1f} {r * self.sin:.1f} 0 0 0 {x - r:.1f} {y:.1f}"
        self.parts.append(
            f'<path d="M{x - r:.1f} {y:.1f}A{r:.1f} {r * self.sin:.1f} 0 0 0 {x + r:.1f} {y:.1f}{far}" fill="none" '
            f'stroke="{colour}" stroke-width="{width * self.scale:.2f}" opacity="{opacity}"/>'
        )

    def _slices(self, profile: Sequence[Point]) -> list[tuple[float, float, float, float]]:
        """(radius, height, and the outward normal's radial and vertical part), fine enough to look smooth."""
        slices = []
        for (r0, z0), (r1, z1) in pairwise(profile):
            length = math.hypot(r1 - r0, z1 - z0) or 1.0
            steps = max(1, math.ceil(max(abs(z1 - z0) * self.scale / 3, abs(r1 - r0) * self.scale / 1.2)))
            for i in range(steps + 1):
                t = i / steps
                slices.append((r0 + (r1 - r0) * t, z0 + (z1 - z0) * t, (z1 - z0) / length, (r0 - r1) / length))
        return slices

    def _stack(self, slices: list[tuple[float, float, float, float]], material: Material, inside: bool) -> None:
        self.parts.append(f'<g filter="url(#{material.texture})">' if material.texture else "<g>")
        rim = slices[0][1]
        for radius, height, out, up in slices:
            if inside:
                out, up = -abs(out), abs(up)
                occlusion = 1 - 0.3 * min(1.0, (rim - height) / max(slices[0][0], 0.1) / 1.6)
            else:
                occlusion = 0.84 + 0.16 * min(1.0, (height + self.origin[2]) / 1.2)
            x, y = self.project(0, 0, height)
            r = radius * self.scale
            fill = self._band(material, out, up, occlusion)
            self.parts.append(
                f'<ellipse cx="{x:.1f}" cy="{y:.1f}" rx="{r:.1f}" ry="{r * self.sin:.1f}" fill="{fill}"/>'
            )
        self.parts.append("</g>")

    def _band(self, material: Material, out: float, up: float, occlusion: float) -> str:
        """The shading of one slice from left to right."""
        key = (material, round(math.atan2(up, out) * 40), round(occlusion * 40), 0)
        if key not in self.fills:
            stops = "".join(
                f'<stop offset="{(u + 1) / 2:.3f}" '
                f'stop-color="{shade(material, (out * u, abs(out) * math.sqrt(1 - u * u), up), occlusion)}"/>'
                for u in ACROSS
            )
            self.fills[key] = self.define(f'<linearGradient id="@">{stops}</linearGradient>')
        return self.fills[key]

    # Extruded things ---------------------------------------------------------------------------------------------

    def extrude(
        self,
        outline: Sequence[Point],
        a: Vector,
        b: Vector,
        c: Vector,
        length: float,
        material: Material,
        start: Vector = (0.0, 0.0, 0.0),
        cap: Material | None = None,
    ) -> None:
        """The outline (counter-clockwise, in the plane of a and b) drawn out along c."""
        first = [move(start, (p, a), (q, b)) for p, q in outline]
        last = [move(point, (length, c)) for point in first]
        walls = []
        for i, (p, q) in enumerate(outline):
            j = (i + 1) % len(outline)
            dp, dq = outline[j][0] - p, outline[j][1] - q
            run = math.hypot(dp, dq)
            if run < 1e-6:
                continue
            normal = move((0, 0, 0), (dq / run, a), (-dp / run, b))
            if dot(normal, self.view) > 0:
                corners = (first[i], first[j], last[j], last[i])
                walls.append((sum(dot(k, self.view) for k in corners), corners, shade(material, normal)))
        self.parts.append(f'<g filter="url(#{material.texture})">' if material.texture else "<g>")
        for _, corners, colour in sorted(walls, key=lambda wall: wall[0]):
            self.parts.append(
                f'<path d="{path(self.project(*k) for k in corners)}" fill="{colour}" stroke="{colour}" '
                'stroke-width="1.2"/>'
            )
        face, normal = (last, c) if dot(c, self.view) > 0 else (first, move((0, 0, 0), (-1, c)))
        shape = path(self.project(*k) for k in face)
        tone = shade(cap or material, normal)
        ramp = self.define(
            '<linearGradient id="@" x1="0" y1="0" x2="1" y2="1">'
            f'<stop offset="0" stop-color="{mix(tone, "#ffffff", 0.1)}"/>'
            f'<stop offset="1" stop-color="{mix(tone, "#1d1712", 0.05)}"/></linearGradient>'
        )
        self.parts.append(f'<path d="{shape}" fill="{ramp}"/>')
        self.parts.append(f'<path d="{shape}" fill="none" stroke="#ffffff" stroke-width="1.6" opacity=".28"/></g>')

    def slab(
        self,
        width: float,
        depth: float,
        height: float,
        material: Material,
        *,
        radius: float = 0.3,
        turn: float = 0.0,
        z: float = 0.0,
        shadow: bool = True,
        cap: Material | None = None,
    ) -> None:
        """A board, box or book lying on the ground (or at height z), turned by degrees."""
        a, b = turned(turn)
        outline = rounded(width, depth, min(radius, width / 2, depth / 2))
        if shadow:
            self.shadow([move((0, 0, 0), (p, a), (q, b)) for p, q in outline], height)
        self.extrude(outline, a, b, UP, height, material, (0, 0, z), cap)

    def grain(
        self,
        width: float,
        depth: float,
        z: float,
        turn: float = 0.0,
        seed: int = 1,
        lines: int = 16,
        colour: str = "#6b4526",
    ) -> None:
        """Wood grain along the length of a slab's top."""
        dice = random.Random(seed)
        a, b = turned(turn)
        clip = self.define(f'<clipPath id="@"><path d="{path(rounded(width, depth, 0.3))}"/></clipPath>')
        drawn = []
        for i in range(lines):
            y = (i + dice.uniform(-0.3, 0.3)) / (lines - 1) * depth - depth / 2
            bend = [(width * (k / 8 - 0.5), y + dice.uniform(-0.04, 0.04) * depth * 0.5) for k in range(9)]
            drawn.append(
                f'<path d="{trace(spline(bend, 5))}" fill="none" stroke="{colour}" '
                f'stroke-width="{dice.uniform(0.04, 0.16):.3f}" '
                f'opacity="{dice.uniform(0.08, 0.3):.2f}"/>'
            )
        self.flat(f'<g clip-path="{clip}">{"".join(drawn)}</g>', (0, 0, z), a, b)

    def front(self, svg: str, width: float, depth: float, turn: float, z: float = 0.0) -> None:
        """Flat drawing on the near face of a slab: cm from its lower left corner."""
        a, b = turned(turn)
        self.flat(svg, move((0, 0, z), (-width / 2, a), (depth / 2 + 0.01, b)), a, UP)

    def top(self, svg: str, z: float, turn: float) -> None:
        """Flat drawing on a slab's upper face: cm from its middle."""
        self.flat(svg, (0, 0, z), *turned(turn))

    def tray(
        self,
        width: float,
        depth: float,
        height: float,
        material: Material,
        *,
        wall: float = 0.8,
        floor: float = 0.8,
        radius: float = 0.6,
        turn: float = 0.0,
        z: float = 0.0,
        shadow: bool = True,
    ) -> None:
        """An open box: a slab, and into its top the far walls and the floor that can be seen."""
        self.slab(width, depth, height, material, radius=radius, turn=turn, z=z, shadow=shadow)
        a, b = turned(turn)
        inner = rounded(width - 2 * wall, depth - 2 * wall, max(0.1, radius - wall / 2))
        rim = [move((0, 0, z + height), (p, a), (q, b)) for p, q in inner]
        clip = self.define(f'<clipPath id="@"><path d="{path(self.project(*k) for k in rim)}"/></clipPath>')
        texture = f' filter="url(#{material.texture})"' if material.texture else ""
        self.parts.append(f'<g clip-path="{clip}"><g{texture}>')
        for i, (p, q) in enumerate(inner):
            j = (i + 1) % len(inner)
            dp, dq = inner[j][0] - p, inner[j][1] - q
            run = math.hypot(dp, dq) or 1.0
            normal = move((0, 0, 0), (-dq / run, a), (dp / run, b))
            if normal[1] > 0:
                tone = shade(material, normal, 0.86)
                low = [move(k, (floor - height, UP)) for k in (rim[j], rim[i])]
                self.parts.append(
                    f'<path d="{path(self.project(*k) for k in (rim[i], rim[j], *low))}" fill="{tone}" stroke="{tone}" '
                    'stroke-width="1.2"/>'
                )
        bottom = path(self.project(*move(k, (floor - height, UP))) for k in rim)
        self.parts.append(f'<path d="{bottom}" fill="{shade(material, UP, 0.84)}"/></g></g>')

    def loaf(
        self,
        width: float,
        depth: float,
        height: float,
        material: Material,
        *,
        radius: float = 2.0,
        edge: float = 1.0,
        turn: float = 0.0,
        z: float = 0.0,
        shadow: bool = True,
    ) -> None:
        """A soft or cast block whose edges are round: a bar of soap, a filled pillow."""
        a, b = turned(turn)
        if shadow:
            self.shadow(
                [move((0, 0, 0), (p, a), (q, b)) for p, q in rounded(width - edge, depth - edge, radius)], height
            )
        self.parts.append(f'<g filter="url(#{material.texture})">' if material.texture else "<g>")
        steps = max(12, math.ceil(height * self.scale / 2.5))
        for i in range(steps + 1):
            level = i / steps
            off = min(
                1.0, min(level, 1 - level) * height / edge
            )  # 0 at the lower and upper face, 1 where the side is upright
            inset = edge * (1 - math.sqrt(max(0.0, 1 - (1 - off) ** 2)))
            tilt = (1 - off) * (1 if level > 0.5 else -1)
            fill = self._band(material, math.sqrt(max(0.0, 1 - tilt * tilt)), tilt, 0.86 + 0.14 * min(1.0, level * 3))
            outline = rounded(width - 2 * inset, depth - 2 * inset, max(0.1, radius - inset / 2))
            self.parts.append(
                "<path "
                f'd="{path(self.project(*move((0, 0, z + level * height), (p, a), (q, b))) for p, q in outline)}" '
                f'fill="{fill}"/>'
            )
        self.parts.append("</g>")

    # Bent things -------------------------------------------------------------------------------------------------

    def tube(self, points: Sequence[Vector], radius: float, material: Material, cap: str = "round") -> None:
        """A rod bent through the points: strokes that grow lighter and narrower towards the light."""
        line = [self.project(*p) for p in points]
        line = spline(line) if len(line) > 2 else line
        dark, light = shade(material, (0.75, 0.1, -0.65)), shade(replace(material, gloss=0), (-0.45, 0.6, 0.66))
        r = radius * self.scale
        layers = 9
        for i in range(layers):
            t = i / (layers - 1)
            shift = -0.34 * r * t
            d = path([(x + shift, y + shift) for x, y in line], close=False)
            self.parts.append(
                f'<path d="{d}" fill="none" stroke="{mix(dark, light, t)}" stroke-width="{2 * r * (1 - 0.86 * t):.2f}" '
                f'stroke-linecap="{cap}" stroke-linejoin="round"/>'
            )
        if material.gloss > 0.25:
            d = path([(x - 0.36 * r, y - 0.36 * r) for x, y in line], close=False)
            self.parts.append(
                f'<path d="{d}" fill="none" stroke="#fff" stroke-width="{0.3 * r:.2f}" '
                f'opacity="{min(0.8, material.gloss)}" stroke-linecap="round"/>'
            )

    # Glass -------------------------------------------------------------------------------------------------------

    def glass(self, profile: Sequence[Point], tint: str = "#8fa5a1") -> None:
        """A clear vessel: nearly nothing in the middle, a line where the wall is seen edge on."""
        s = self.scale
        (rb, zb), (rt, top) = profile[0], profile[-1]
        # The sides end where the wall turns in towards the base; one arc below them stands for the round edge.
        edge = max(r for r, z in profile if z < top * 0.1)
        wall = profile[next(i for i, (r, _) in enumerate(profile) if r > 0.98 * edge) :]
        re, ze = wall[0]
        left = [self.project(-r, 0, z) for r, z in wall]
        right = [self.project(r, 0, z) for r, z in wall]
        depth = ((ze - zb) * self.cos + rb * self.sin) * s
        shape = (
            path(left, close=False)
            + f"A{rt * s:.1f} {rt * s * self.sin:.1f} 0 0 1 {right[-1][0]:.1f} {right[-1][1]:.1f}L"
            + "L".join(f"{x:.1f} {y:.1f}" for x, y in reversed(right))
            + f"A{re * s:.1f} {depth:.1f} 0 0 1 {left[0][0]:.1f} {left[0][1]:.1f}Z"
        )
        stops = "".join(
            f'<stop offset="{o}" stop-color="{c}" stop-opacity="{a}"/>'
            for o, c, a in (
                (0, tint, 0.75),
                (0.05, tint, 0.35),
                (0.16, "#ffffff", 0.3),
                (0.3, "#ffffff", 0.1),
                (0.62, tint, 0.1),
                (0.9, tint, 0.22),
                (0.97, tint, 0.42),
                (1, tint, 0.8),
            )
        )
        ramp = self.define(f'<linearGradient id="@">{stops}</linearGradient>')
        self.parts.append(
            f'<path d="{shape}" fill="{ramp}" stroke="{mix(tint, "#1d2725", 0.35)}" stroke-opacity=".45" '
            'stroke-width="1.6"/>'
        )
        self.ring(rb * 0.97, zb + 0.12, mix(tint, "#1d2725", 0.3), 0.16, 0.5, front=True)
        self.ring(rt, top, mix(tint, "#1d2725", 0.35), 0.09, 0.75)
        self.ring(rt * 0.985, top + 0.03, "#ffffff", 0.05, 0.8)
        shine = [self.project(-r * 0.8, 0, z) for r, z in profile if 0.12 < z / top < 0.9]
        self.parts.append(
            f'<path d="{path(shine, close=False)}" fill="none" stroke="#fff" stroke-width="{0.5 * s * 0.6:.1f}" '
            'stroke-linecap="round" opacity=".4" filter="url(#melt)"/>'
        )

    def svg(self) -> str:
        """The finished picture, on the backdrop of the photographs."""
        w, h = self.width, self.height
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}"><defs>{filters()}'
            '<linearGradient id="floor" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="#d3d0cb"/>'
            '<stop offset=".55" stop-color="#d9d6d2"/><stop offset="1" stop-color="#dbd9d5"/></linearGradient>'
            '<radialGradient id="corner" cx="0" cy=".1" r=".75">'
            '<stop offset="0" stop-color="#b3aea6" stop-opacity=".75"/>'
            '<stop offset="1" stop-color="#b3aea6" stop-opacity="0"/></radialGradient>'
            f'{"".join(self.defs)}</defs><rect width="{w}" height="{h}" fill="url(#floor)"/>'
            f'<rect width="{w}" height="{h}" fill="url(#corner)"/>'
            f"{''.join(self.shadows)}<g id='things'>{''.join(self.parts)}</g></svg>"
        )
