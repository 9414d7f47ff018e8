"""A request as the body of a chat completion: fields, messages, and pictures as data URIs."""

from __future__ import annotations

import base64
from typing import Any

from pairsmith.captions.server_settings import ServerWriterSettings
from pairsmith.captions.writer import Request

_SEEDS = 2**31  # some servers take 32-bit seeds only


def chat_body(request: Request, settings: ServerWriterSettings) -> dict[str, Any]:
    """What `chat.completions.create` of the `openai` client takes."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": _content(request)}]
    if settings.system is not None:
        messages.insert(0, {"role": "system", "content": settings.system})
    body: dict[str, Any] = {
        "model": settings.model,
        "messages": messages,
        "temperature": settings.temperature,
        "top_p": settings.top_p,
        "max_completion_tokens" if settings.new_limit_field else "max_tokens": settings.max_new_tokens,
    }
    if settings.send_seed:
        body["seed"] = request.seed % _SEEDS
    if settings.extra:
        body["extra_body"] = settings.extra
    return body


def _content(request: Request) -> str | list[dict[str, Any]]:
    """The prompt; after its pictures, as data URIs, where it has some."""
    if not request.images:
        return request.prompt
    pictures = []
    for image in request.images:
        kind = "png" if image.startswith(b"\x89PNG") else "jpeg"
        address = f"data:image/{kind};base64,{base64.b64encode(image).decode('ascii')}"
        pictures.append({"type": "image_url", "image_url": {"url": address}})
    return [*pictures, {"type": "text", "text": request.prompt}]
