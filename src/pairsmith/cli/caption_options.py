"""Options that several commands on captions share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Store = Annotated[Path, typer.Argument(metavar="STORE", help="Folder of a pair store with captions.")]
NewStore = Annotated[
    Path | None,
    typer.Option("--out", metavar="FOLDER", help="Folder of the new store; needed unless --preview or --dry-run."),
]
Preview = Annotated[
    int | None,
    typer.Option(
        "--preview",
        metavar="N",
        min=1,
        help="Only show what would become of the first N captions; nothing is written.",
    ),
]
Concepts = Annotated[
    Path | None,
    typer.Option(
        "--concepts",
        metavar="FILE",
        help="Your own concepts: a text file with one on each line, optionally a tab and a weight, and a tab and a "
        "domain, or CSV. [default: 7,700 names of visible things from WordNet]",
    ),
]
Domains = Annotated[
    list[str] | None,
    typer.Option("--domain", metavar="NAME", help="Take only the concepts of this domain; repeat for more."),
]
ServerModel = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME", help="Where --writer is a server's address: which of its models writes."),
]
KeyVariable = Annotated[
    str | None,
    typer.Option(
        "--api-key-variable",
        metavar="NAME",
        help="Where the server asks for a key: the environment variable that holds it. The key itself is never stored.",
    ),
]
Embedder = Annotated[
    str,
    typer.Option(
        "--embedder",
        metavar="MODEL",
        help="Language model that embeds captions, where embeddings are compared: smollm2, a folder or hub id.",
    ),
]
