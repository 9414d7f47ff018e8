"""Pictures from any text-to-image pipeline of the `diffusers` library, by hub name or folder."""

from __future__ import annotations

from pairsmith.generators.diffusers.generator import DiffusersGenerator, Picture
from pairsmith.generators.diffusers.settings import DiffusersSettings

__all__ = ["DiffusersGenerator", "DiffusersSettings", "Picture"]
