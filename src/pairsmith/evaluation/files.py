"""The files that users bring: COCO captions and results, Karpathy splits, VQA questions, annotations and results.

A file is recognised by its keys, not by its name; an error names the file, the entry and the key.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pairsmith.errors import InputError

FileKind = Literal[
    "caption-annotations", "caption-results", "karpathy", "vqa-questions", "vqa-annotations", "vqa-results"
]  # fmt: skip
KARPATHY_SPLITS = ("train", "restval", "val", "test")

_DESCRIPTIONS: dict[FileKind, str] = {
    "caption-annotations": 'COCO caption annotations ({"annotations": [{"image_id", "caption"}]})',
    "caption-results": 'caption results ([{"image_id", "caption"}])',
    "karpathy": 'a Karpathy split ({"images": [{"split", "sentences"}]})',
    "vqa-questions": 'VQA questions ({"questions": [{"question_id", "image_id", "question"}]})',
    "vqa-annotations": 'VQA annotations ({"annotations": [{"question_id", "answers"}]})',
    "vqa-results": 'VQA results ([{"question_id", "answer"}])',
}


@dataclass(frozen=True)
class VqaQuestion:
    """One question about one image."""

    question_id: Hashable
    image_id: Hashable
    question: str


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        InputError: the file is missing or not JSON.
    """
    try:
        return json.loads(Path(path).read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:  # other encodings, endless nesting, numbers of thousands of digits
        raise InputError(f"{path}: is not valid JSON ({error})") from error


def detect_kind(content: Any, path: Path) -> FileKind:
    """What kind of file `content` came from; `path` is for the error.

    Raises:
        InputError: none of the known kinds.
    """
    if content == []:
        raise InputError(f"{path}: holds an empty list, so there is nothing to score")
    if isinstance(content, list):
        keys = _first_keys(content)
        if {"image_id", "caption"} <= keys:
            return "caption-results"
        if {"question_id", "answer"} <= keys:
            return "vqa-results"
    elif isinstance(content, dict):
        annotation = _first_keys(content.get("annotations"))
        if "answers" in annotation:
            return "vqa-annotations"
        if "caption" in annotation:
            return "caption-annotations"
        if "question" in _first_keys(content.get("questions")):
            return "vqa-questions"
        if "sentences" in _first_keys(content.get("images")):
            return "karpathy"
    raise InputError(f"{path}: is none of the known files: {'; '.join(_DESCRIPTIONS.values())}")


def load_references(path: Path, split: str | None = None) -> dict[Hashable, list[str]]:
    """References of every image, from COCO caption annotations or a Karpathy file.

    Args:
        path: the JSON file.
        split: the Karpathy split ("train", "restval", "val" or "test"); must be given for such a file, and only for
        one.

    Returns:
        image id -> captions, in file order. The id of a Karpathy image is its `cocoid`, else the stem of its file name
        (as a number where it is one).

    Raises:
        InputError: another kind of file, a missing key, a repeated annotation, or a missing or unknown split.
    """
    content = read_json(path)
    kind = detect_kind(content, path)
    if kind == "karpathy":
        return _karpathy(content, path, split)
    _expect(kind, "caption-annotations", path)
    if split is not None:
        raise InputError(f"{path}: COCO caption annotations have no splits, so split {split!r} cannot be taken")
    references: dict[Hashable, list[str]] = {}
    seen: set[Hashable] = set()
    for where, entry in _entries(content["annotations"], path, "annotations"):
        if "id" in entry:
            _unique(_id(entry, "id", where), seen, f"{where}: caption id")
        references.setdefault(_id(entry, "image_id", where), []).append(_text(entry, "caption", where))
    return references


def load_image_names(path: Path, split: str | None = None) -> dict[Hashable, str]:
    """File names of the images of COCO caption annotations or a Karpathy file: image id -> name.

    Ids and arguments are those of `load_references`.

    Raises:
        InputError: as there; COCO annotations without `images`, which hold the names.
    """
    content = read_json(path)
    kind = detect_kind(content, path)
    if kind == "karpathy":
        return {
            _karpathy_id(entry, where): _text(entry, "filename", where)
            for where, entry in _entries(content["images"], path, "images")
            if entry.get("split") == split
        }
    _expect(kind, "caption-annotations", path)
    if "images" not in content:
        raise InputError(f"{path}: has no images, so the names of their files are not known")
    return {
        _id(entry, "id", where): _text(entry, "file_name", where)
        for where, entry in _entries(content["images"], path, "images")
    }


def load_caption_results(path: Path) -> dict[Hashable, str]:
    """Predicted captions: image id -> caption.

    Raises:
        InputError: another kind of file, a missing key, or two captions for one image.
    """
    return _results(path, "caption-results", "image_id", "caption")


def load_vqa_results(path: Path) -> dict[Hashable, str]:
    """Predicted answers: question id -> answer.

    Raises:
        InputError: another kind of file, a missing key, or two answers to one question.
    """
    return _results(path, "vqa-results", "question_id", "answer")


def load_vqa_questions(path: Path) -> dict[Hashable, VqaQuestion]:
    """Question id -> question.

    Raises:
        InputError: another kind of file, a missing key, or a repeated question.
    """
    content = read_json(path)
    _expect(detect_kind(content, path), "vqa-questions", path)
    questions: dict[Hashable, VqaQuestion] = {}
    seen: set[Hashable] = set()
    for where, entry in _entries(content["questions"], path, "questions"):
        question = _id(entry, "question_id", where)
        _unique(question, seen, f"{where}: question_id")
        questions[question] = VqaQuestion(question, _id(entry, "image_id", where), _text(entry, "question", where))
    return questions


def load_vqa_annotations(path: Path) -> list[dict[str, Any]]:
    """The annotation entries, checked, as `vqa_accuracy` takes them.

    Raises:
        InputError: another kind of file, a missing key, a question without answers, or a repeated question.
    """
    content = read_json(path)
    _expect(detect_kind(content, path), "vqa-annotations", path)
    annotations: list[dict[str, Any]] = []
    seen: set[Hashable] = set()
    for where, entry in _entries(content["annotations"], path, "annotations"):
        _unique(_id(entry, "question_id", where), seen, f"{where}: question_id")
        answers = entry.get("answers")
        if not isinstance(answers, list) or not answers:
            raise InputError(f'{where}: "answers" must be a list of at least one answer')
        for index, answer in enumerate(answers):
            if not isinstance(answer, dict):
                raise InputError(f"{where}: answers[{index}] must be an object")
            _text(answer, "answer", f"{where}: answers[{index}]")
        annotations.append(entry)
    return annotations


def write_caption_results(path: Path, results: Mapping[Hashable, str]) -> None:
    """Write predictions as COCO results, a list of {"image_id", "caption"}, for other programs."""
    _write_entries(path, [{"image_id": name, "caption": text} for name, text in results.items()])


def write_answers(path: Path, results: Mapping[Hashable, str]) -> None:
    """Write predictions as VQA results, a list of {"question_id", "answer"}, for other programs."""
    _write_entries(path, [{"question_id": name, "answer": text} for name, text in results.items()])


def _write_entries(path: Path, entries: list[dict[str, Hashable]]) -> None:
    Path(path).write_text(json.dumps(entries, ensure_ascii=False), encoding="utf-8")


def _karpathy(content: dict[str, Any], path: Path, split: str | None) -> dict[Hashable, list[str]]:
    if split is None:
        raise InputError(f"{path}: is a Karpathy file, so say which split: {', '.join(KARPATHY_SPLITS)}")
    references: dict[Hashable, list[str]] = {}
    seen: set[Hashable] = set()
    splits: set[str] = set()
    for where, entry in _entries(content["images"], path, "images"):
        own = _text(entry, "split", where)
        splits.add(own)
        if own != split:
            continue
        image = _karpathy_id(entry, where)
        _unique(image, seen, f"{where}: image")
        sentences = [
            _text(sentence, "raw", place)
            for place, sentence in _entries(
                entry.get("sentences"), path, f"{where.removeprefix(f'{path}: ')}.sentences"
            )
        ]
        references[image] = sentences
    if not references:
        raise InputError(f"{path}: has no images of split {split!r}; its splits are {', '.join(sorted(splits))}")
    return references


def _karpathy_id(entry: dict[str, Any], where: str) -> Hashable:
    if "cocoid" in entry:
        return _id(entry, "cocoid", where)
    stem = Path(_text(entry, "filename", where)).stem
    return int(stem) if stem.isdecimal() else stem


def _results(path: Path, kind: FileKind, id_key: str, text_key: str) -> dict[Hashable, str]:
    content = read_json(path)
    _expect(detect_kind(content, path), kind, path)
    results: dict[Hashable, str] = {}
    seen: set[Hashable] = set()
    for where, entry in _entries(content, path, ""):
        name = _id(entry, id_key, where)
        _unique(name, seen, f"{where}: {id_key}")
        results[name] = _text(entry, text_key, where)
    return results


def _first_keys(entries: Any) -> set[str]:
    return set(entries[0]) if isinstance(entries, list) and entries and isinstance(entries[0], dict) else set()


def _expect(found: FileKind, wanted: FileKind, path: Path) -> None:
    if found != wanted:
        raise InputError(f"{path}: holds {_DESCRIPTIONS[found]}, but {_DESCRIPTIONS[wanted]} is wanted")


def _entries(entries: Any, path: Path, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(where, entry) for each entry of a list; `where` names file, list and index for errors."""
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        raise InputError(f"{path}: {name or 'the file'} must be a list")
    for index, entry in enumerate(entries):
        where = f"{path}: {name}[{index}]" if name else f"{path}: entry {index}"
        if not isinstance(entry, dict):
            raise InputError(f"{where} must be an object, not {type(entry).__name__}")
        yield where, entry


def _id(entry: dict[str, Any], key: str, where: str) -> Hashable:
    if key not in entry:
        raise InputError(f"{where} has no {key!r}")
    value = entry[key]
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise InputError(f"{where}: {key!r} must be a number or text, not {value!r}")
    return value


def _text(entry: dict[str, Any], key: str, where: str) -> str:
    if key not in entry:
        raise InputError(f"{where} has no {key!r}")
    if not isinstance(entry[key], str):
        raise InputError(f"{where}: {key!r} must be text, not {entry[key]!r}")
    return entry[key]


def _unique(value: Hashable, seen: set[Hashable], what: str) -> None:
    if value in seen:
        raise InputError(f"{what} {value!r} occurs twice")
    seen.add(value)
