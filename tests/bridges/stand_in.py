"""What the plug-in uses of lmms-eval, for machines without it: the same names, as in lmms-eval 0.7.3."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

INSTALLED = importlib.util.find_spec("lmms_eval") is not None


@dataclass
class Instance:
    """One request of a task."""

    request_type: str
    arguments: tuple
    idx: int
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def args(self) -> tuple:
        return self.arguments


class Model:
    """The base class of models."""

    def __init__(self) -> None:
        self.task_dict: dict[str, Any] = {}


@dataclass(frozen=True)
class ModelManifest:
    """What the registry is told."""

    model_id: str
    simple_class_path: str | None = None


def install() -> None:
    """Put the names where lmms-eval has them, unless it is installed."""
    if INSTALLED:
        return
    names = {"api.instance": ("Instance", Instance), "api.model": ("lmms", Model)}
    names["models.registry_v2"] = ("ModelManifest", ModelManifest)
    for package in ("", ".api", ".models"):
        sys.modules.setdefault(f"lmms_eval{package}", ModuleType(f"lmms_eval{package}"))
    for place, (name, value) in names.items():
        module = ModuleType(f"lmms_eval.{place}")
        setattr(module, name, value)
        sys.modules.setdefault(module.__name__, module)
