"""Answers of a server, kept on disk: what was paid for once is not asked for again after a crash.

A folder of JSON-lines files, one for each process that wrote, so that no two writers share a file. A line that a crash
tore is passed over. Prompts are not kept, only their hashes; answers are.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from pairsmith.captions.writer import Request, WriteFailure
from pairsmith.errors import InputError
from pairsmith.settings import canonical_json

logger = logging.getLogger(__name__)


class RequestCache:
    """Answers by request and by everything else that decides them. Safe to use from many threads.

    Args:
        folder: made when it is not there.
        decided_by: what besides the request decides an answer (`Writer.describe()`).

    Raises:
        InputError: the folder cannot be made or read.
    """

    def __init__(self, folder: Path | str, decided_by: Mapping[str, Any]) -> None:
        self.folder = Path(folder)
        self._decided_by = canonical_json(dict(decided_by))
        self._lock = threading.Lock()
        self._file: IO[str] | None = None
        self._process = os.getpid()
        self._answers: dict[str, str | WriteFailure] = {}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            for path in sorted(self.folder.glob("answers-*.jsonl")):
                self._read(path)
        except OSError as error:
            raise InputError(f"{self.folder}: the request cache cannot be used ({error})") from error

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, request: Request) -> str | WriteFailure | None:
        """The answer to a request; None when there is none yet."""
        return self._answers.get(self._key(request))

    def put(self, request: Request, answer: str | WriteFailure) -> None:
        """Keep an answer; written out at once."""
        key = self._key(request)
        line: dict[str, str] = {"key": key}
        if isinstance(answer, WriteFailure):
            line |= {"reason": answer.reason, "text": answer.text}
        else:
            line["text"] = answer
        with self._lock:
            if self._file is None or self._process != os.getpid():  # a fork must not share its parent's file
                self._process = os.getpid()
                name = f"answers-{self._process}-{uuid.uuid4().hex[:8]}.jsonl"
                self._file = (self.folder / name).open("a", encoding="utf-8")
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
            self._file.flush()
            self._answers[key] = answer

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _key(self, request: Request) -> str:
        seen = [hashlib.blake2b(image, digest_size=16).hexdigest() for image in request.images]
        text = "\x1f".join((self._decided_by, request.prompt, str(request.seed), request.start, *seen))
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()

    def _read(self, path: Path) -> None:
        torn = 0
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                entry = json.loads(line)
                key, text, reason = entry["key"], entry["text"], entry.get("reason")
            except (ValueError, KeyError, TypeError):
                torn += 1
                continue
            self._answers[key] = WriteFailure(reason, text) if reason else text
        if torn:
            logger.info("%s: %d torn lines are passed over", path, torn)
