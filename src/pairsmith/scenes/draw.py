"""Draws a scene: anti-aliased shapes on a plain background.

Shapes are polygons in the unit square, drawn at eight times the size and averaged down, so that an edge pixel holds the
share of it that the shape covers. Coverage masks are cached: without jitter a scene costs a few array operations.
"""

from __future__ import annotations

from functools import lru_cache
from math import cos, pi, sin

import numpy as np
from PIL import Image, ImageDraw

from pairsmith.scenes.world import BACKGROUNDS, COLOURS, SIZES, Scene

_SUPERSAMPLING = 8


def draw(scene: Scene, image_size: int = 64) -> np.ndarray:
    """The picture of a scene.

    Returns:
        uint8 [image_size, image_size, 3], sRGB.
    """
    cell = image_size / 2
    picture = np.empty((image_size, image_size, 3), np.float32)
    picture[:] = BACKGROUNDS[scene.background]
    for thing in scene.objects:
        centre_x = (thing.column / 2 + 0.5 + thing.shift[0]) * cell
        centre_y = (thing.row / 2 + 0.5 + thing.shift[1]) * cell
        coverage = _coverage(thing.name, SIZES[thing.size] * cell, centre_x, centre_y, image_size)[..., None]
        picture += coverage * (np.asarray(COLOURS[thing.colour], np.float32) - picture)
    return (picture + 0.5).astype(np.uint8)


@lru_cache(maxsize=4096)
def _coverage(name: str, diameter: float, centre_x: float, centre_y: float, image_size: int) -> np.ndarray:
    """Share of each pixel that the shape covers, float32 [image_size, image_size] in [0, 1]."""
    scale = _SUPERSAMPLING
    mask = Image.new("L", (image_size * scale, image_size * scale), 0)
    pen = ImageDraw.Draw(mask)
    for outline, value in _OUTLINES[name]:
        points = [
            ((centre_x + (x - 0.5) * diameter) * scale, (centre_y + (y - 0.5) * diameter) * scale) for x, y in outline
        ]
        pen.polygon(points, fill=value)
    fine = np.asarray(mask, np.float32).reshape(image_size, scale, image_size, scale)
    return fine.mean((1, 3)) / 255.0


def _ellipse(centre_x: float, centre_y: float, radius: float) -> list[tuple[float, float]]:
    return [(centre_x + radius * cos(a * pi / 36), centre_y + radius * sin(a * pi / 36)) for a in range(72)]


def _star(points: int, inner: float) -> list[tuple[float, float]]:
    radii = [0.5, inner]
    return [
        (0.5 + radii[i % 2] * sin(i * pi / points), 0.5 - radii[i % 2] * cos(i * pi / points))
        for i in range(2 * points)
    ]


def _heart() -> list[tuple[float, float]]:
    curve = []
    for i in range(72):
        angle = i * pi / 36
        x = 16 * sin(angle) ** 3
        y = 13 * cos(angle) - 5 * cos(2 * angle) - 2 * cos(3 * angle) - cos(4 * angle)
        curve.append((0.5 + x / 33, 0.46 - y / 33))
    return curve


# Outlines in the unit square, drawn in order: value 255 adds, 0 cuts out.
_OUTLINES: dict[str, list[tuple[list[tuple[float, float]], int]]] = {
    "circle": [(_ellipse(0.5, 0.5, 0.48), 255)],
    "square": [([(0.06, 0.06), (0.94, 0.06), (0.94, 0.94), (0.06, 0.94)], 255)],
    "triangle": [([(0.5, 0.02), (1.0, 0.95), (0.0, 0.95)], 255)],
    "star": [(_star(5, 0.2), 255)],
    "cross": [
        ([(0.36, 0.02), (0.64, 0.02), (0.64, 0.98), (0.36, 0.98)], 255),
        ([(0.02, 0.36), (0.98, 0.36), (0.98, 0.64), (0.02, 0.64)], 255),
    ],
    "heart": [(_heart(), 255)],
    "ring": [(_ellipse(0.5, 0.5, 0.5), 255), (_ellipse(0.5, 0.5, 0.27), 0)],
    "diamond": [([(0.5, 0.0), (0.85, 0.5), (0.5, 1.0), (0.15, 0.5)], 255)],
    "moon": [(_ellipse(0.45, 0.5, 0.48), 255), (_ellipse(0.72, 0.42, 0.42), 0)],
    "arrow": [([(0.0, 0.36), (0.5, 0.36), (0.5, 0.08), (1.0, 0.5), (0.5, 0.92), (0.5, 0.64), (0.0, 0.64)], 255)],
    "house": [
        ([(0.5, 0.0), (1.0, 0.48), (0.86, 0.48), (0.86, 1.0), (0.14, 1.0), (0.14, 0.48), (0.0, 0.48)], 255),
        ([(0.4, 0.62), (0.6, 0.62), (0.6, 1.0), (0.4, 1.0)], 0),
    ],
    "tree": [
        ([(0.5, 0.0), (0.9, 0.42), (0.68, 0.42), (1.0, 0.78), (0.0, 0.78), (0.32, 0.42), (0.1, 0.42)], 255),
        ([(0.42, 0.78), (0.58, 0.78), (0.58, 1.0), (0.42, 1.0)], 255),
    ],
}
