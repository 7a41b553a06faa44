"""Points, vectors and outlines in centimetres, and what light does to a surface.

x runs to the right, y towards the viewer, z up.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Point = tuple[float, float]
Vector = tuple[float, float, float]

RIGHT: Vector = (1.0, 0.0, 0.0)
NEAR: Vector = (0.0, 1.0, 0.0)
UP: Vector = (0.0, 0.0, 1.0)
LIGHT: Vector = (-0.53, 0.45, 0.72)
HALFWAY: Vector = (-0.31, 0.82, 0.48)  # between the light and the viewer, where a glossy surface shines
ACROSS = (-1.0, -0.97, -0.9, -0.8, -0.71, -0.62, -0.53, -0.42, -0.3, -0.12, 0.1, 0.32, 0.54, 0.72, 0.82, 0.9, 0.96, 1.0)


@dataclass(frozen=True)
class Material:
    colour: str
    gloss: float = 0.12
    texture: str = ""  # one of TEXTURES
    metal: bool = False


def dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def move(start: Vector, *steps: tuple[float, Vector]) -> Vector:
    x, y, z = start
    for length, way in steps:
        x, y, z = x + length * way[0], y + length * way[1], z + length * way[2]
    return x, y, z


def mix(colour: str, other: str, share: float) -> str:
    pairs = [(int(colour[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{max(0, min(255, round(a + (b - a) * share))):02x}" for a, b in pairs)


def shade(material: Material, normal: Vector, occlusion: float = 1.0) -> str:
    """The material's colour on a surface that faces `normal`: warm key light, cool fill, a highlight where glossy."""
    key = max(0.0, dot(normal, LIGHT))
    fill = max(0.0, dot(normal, (0.85, 0.4, 0.3)))
    shine = max(0.0, dot(normal, HALFWAY)) ** (14 if material.metal else 40)
    if material.metal:
        level = 0.5 + 0.5 * key + 0.16 * fill + 0.22 * max(0.0, dot(normal, RIGHT)) ** 6
    else:
        level = 0.6 + 0.48 * key + 0.1 * fill
    level *= occlusion
    colour = mix(material.colour, "#1d1712", 1 - level) if level < 1 else mix(material.colour, "#fffaf2", level - 1)
    # A tall window at the left and a pale wall at the right, mirrored in what is glossy.
    wall = max(0.0, normal[1])
    window = 0.42 * wall * math.exp(-(((normal[0] + 0.62) / 0.12) ** 2)) + 0.25 * wall * math.exp(
        -(((normal[0] - 0.9) / 0.07) ** 2)
    )
    return mix(colour, "#ffffff", min(0.85, (shine + window) * material.gloss))


def spline(points: Sequence[Point], steps: int = 10) -> list[Point]:
    """A smooth curve through the points (Catmull-Rom)."""
    ends = [points[0], *points, points[-1]]
    curve: list[Point] = []
    for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        for i in range(steps):
            t = i / steps
            curve.append(
                tuple(  # type: ignore[arg-type]
                    0.5 * (2 * q + (r - p) * t + (2 * p - 5 * q + 4 * r - s) * t**2 + (3 * q - p - 3 * r + s) * t**3)
                    for p, q, r, s in zip(a, b, c, d, strict=True)
                )
            )
    return [*curve, points[-1]]


def rounded(width: float, depth: float, radius: float, steps: int = 8) -> list[Point]:
    """A rectangle with round corners around the origin, counter-clockwise."""
    w, d = width / 2 - radius, depth / 2 - radius
    corners = [(w, -d, -90), (w, d, 0), (-w, d, 90), (-w, -d, 180)]
    return [
        (
            x + radius * math.cos(math.radians(start + 90 * i / steps)),
            y + radius * math.sin(math.radians(start + 90 * i / steps)),
        )
        for x, y, start in corners
        for i in range(steps + 1)
    ]


def oval(width: float, depth: float, steps: int = 72) -> list[Point]:
    turns = [2 * math.pi * i / steps for i in range(steps)]
    return [(width / 2 * math.cos(t), depth / 2 * math.sin(t)) for t in turns]


def path(points: Iterable[Point], close: bool = True) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + ("Z" if close else "")


def turned(degrees: float) -> tuple[Vector, Vector]:
    """The x and y axes of a thing turned on its spot."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return (c, s, 0.0), (-s, c, 0.0)


def trace(points: Iterable[Point]) -> str:
    """An open path in centimetres."""
    return "M" + "L".join(f"{x:.3f} {y:.3f}" for x, y in points)
