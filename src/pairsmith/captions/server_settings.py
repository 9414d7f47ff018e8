"""What a server is asked for, and how it is reached.

What decides the text (model, sampling) is kept apart from address, concurrency and patience: only the former is part of
a store's settings, so a run may go on against another address.
"""

from __future__ import annotations

import os
from typing import Any

from pydantic import Field, field_validator

from pairsmith.captions.credentials import first_secret, plain_address
from pairsmith.settings import Settings

KEY_VARIABLE = "OPENAI_API_KEY"  # holds the key of a caption server that wants one


class ServerWriterSettings(Settings):
    """What is asked of the server; all of it decides the text."""

    model: str = Field(min_length=1, description="the model's name on the server")
    revision: str = Field(default="", description="which weights these are, for the record; the server is not asked")
    system: str | None = Field(default=None, description="system message, if any")
    temperature: float = Field(default=0.8, ge=0, description="of the tokens' distribution")
    top_p: float = Field(default=0.95, gt=0, le=1, description="draw among the likeliest tokens of this mass")
    max_new_tokens: int = Field(default=128, ge=1, description="tokens after which a text counts as unfinished")
    send_seed: bool = Field(default=True, description="send every row's seed; some servers refuse the field")
    new_limit_field: bool = Field(default=False, description="send max_completion_tokens in place of max_tokens")
    extra: dict[str, Any] = Field(
        default_factory=dict, description="more fields of the request's body; stored, so keys are refused"
    )

    @field_validator("extra")
    @classmethod
    def _holds_no_secret(cls, value: dict[str, Any]) -> dict[str, Any]:
        secret = first_secret(value)
        if secret is not None:
            raise ValueError(f"{secret!r} looks like a key, and settings are stored: use an environment variable")
        return value


class ServerConnection(Settings):
    """How the server is reached; nothing here changes a text or is part of a store's settings."""

    base_url: str = Field(description="address of the API, such as http://127.0.0.1:8000/v1")
    api_key_variable: str | None = Field(default=None, description="environment variable with the key; None sends none")
    concurrency: int = Field(default=16, ge=1, description="requests under way at a time")
    timeout: float = Field(default=120, gt=0, description="seconds a request may take")
    retries: int = Field(default=5, ge=0, description="further tries after no answer, 429, 5xx or a garbled answer")
    first_wait: float = Field(default=1.0, ge=0, description="seconds before the first of them; doubled each time")
    longest_wait: float = Field(
        default=60.0, ge=0, description="seconds at most between tries, whatever the server says"
    )
    give_up_after: int = Field(default=20, ge=1, description="requests failing in a row that stop the stage")
    input_price: float = Field(default=0.0, ge=0, description="money for a million tokens sent, to show the cost")
    output_price: float = Field(default=0.0, ge=0, description="money for a million tokens received")

    @field_validator("base_url")
    @classmethod
    def _check_address(cls, value: str) -> str:
        return plain_address(value)

    @classmethod
    def of_address(cls, base_url: str) -> ServerConnection:
        """With the key of `OPENAI_API_KEY` where that is set; servers of one's own often want none."""
        return cls(base_url=base_url, api_key_variable=KEY_VARIABLE if os.environ.get(KEY_VARIABLE) else None)
