"""The built-in world: drawn scenes with known content, their language, questions and tests. Needs no download."""

from pairsmith.scenes.draw import draw
from pairsmith.scenes.grammar import Facts, describe, descriptions, facts_of, read, references
from pairsmith.scenes.world import Scene, SceneObject, World, WorldSettings

__all__ = [
    "Facts",
    "Scene",
    "SceneObject",
    "World",
    "WorldSettings",
    "describe",
    "descriptions",
    "draw",
    "facts_of",
    "read",
    "references",
]
