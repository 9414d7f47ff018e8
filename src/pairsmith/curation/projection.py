"""Embeddings of several sets in one plane, to see where they overlap: t-SNE, or UMAP where it is installed.

A map shows neighbours, not distances or sizes; no figure is read off it.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pairsmith.curation.data_sets import DataSet
from pairsmith.errors import InputError
from pairsmith.pairs.scores import read_embeddings
from pairsmith.pairs.sidecars import EMBEDDINGS_FOLDER, sidecar_settings
from pairsmith.seeds import numpy_generator
from pairsmith.settings import first_difference

_COMPONENTS = 50  # principal components that t-SNE and UMAP start from
_LEAST = 5  # points below which a map says nothing


def set_vectors(sets: Sequence[DataSet], name: str, most: int, seed: int = 0) -> dict[str, NDArray[np.float32]]:
    """Embeddings of at most `most` rows of each set, drawn by the seed: set -> [n, D].

    Raises:
        InputError: a set without them, or embeddings of different models.
    """
    found: dict[str, NDArray[np.float32]] = {}
    first: Mapping[str, Any] | None = None
    for one in sets:
        settings = sidecar_settings(one.store, EMBEDDINGS_FOLDER, name)
        difference = first_difference(first, settings) if first is not None else None
        if difference:
            raise InputError(f"the embeddings {name!r} of the sets were computed in different ways: {difference}")
        first = settings
        vectors = read_embeddings(one.store, name)[one.positions]
        vectors = vectors[np.isfinite(vectors).all(axis=1)]
        drawn = numpy_generator(seed, one.name, "projection").permutation(len(vectors))[:most]
        found[one.name] = vectors[np.sort(drawn)]
    return found


def project(
    vectors: Mapping[str, NDArray[np.float32]], method: str = "tsne", *, perplexity: float = 30.0, seed: int = 0
) -> dict[str, NDArray[np.float64]]:
    """Places in the plane: set -> [n, 2].

    Args:
        vectors: set -> [n, D]; all sets are mapped together.
        method: "tsne", or "umap", which needs the package umap-learn.
        perplexity: about how many neighbours count, fewer where there are few points.
        seed: of the start.

    Raises:
        InputError: another method, too few points, or UMAP is not installed.
    """
    if method not in ("tsne", "umap"):
        raise InputError(f"a map is made by tsne or umap, not by {method!r}")
    together = np.concatenate(list(vectors.values())).astype(np.float64)
    if len(together) < _LEAST:
        raise InputError(f"a map of {len(together)} points shows nothing: at least {_LEAST} are needed")
    if method == "umap" and importlib.util.find_spec("umap") is None:
        raise InputError("a UMAP map needs the package umap-learn: pip install 'pairsmith[umap]', or take tsne")
    from sklearn.decomposition import PCA

    components = min(_COMPONENTS, *together.shape)
    if together.shape[1] > components:
        together = PCA(components, random_state=seed).fit_transform(together)
    near = min(perplexity, (len(together) - 1) / 3)
    if method == "umap":
        reducer: Any = importlib.import_module("umap").UMAP(n_neighbors=max(2, int(near)), random_state=seed)
    else:
        from sklearn.manifold import TSNE

        reducer = TSNE(2, perplexity=near, init="pca", random_state=seed)
    places = np.asarray(reducer.fit_transform(together), np.float64)
    borders = np.cumsum([len(one) for one in vectors.values()])[:-1]
    return dict(zip(vectors, np.split(places, borders), strict=True))
