"""Captions from a language model behind an OpenAI-compatible server: vLLM, llama.cpp, Ollama, hosted ones.

The key comes from an environment variable, goes into the client and nowhere else, and is cut out of every message.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pairsmith.captions.chat_body import chat_body
from pairsmith.captions.request_cache import RequestCache
from pairsmith.captions.server_line import ServerLine
from pairsmith.captions.server_settings import ServerConnection, ServerWriterSettings
from pairsmith.captions.usage import Usage
from pairsmith.captions.writer import Request, WriteFailure, WriterUnavailable
from pairsmith.errors import InputError

logger = logging.getLogger(__name__)

_REASON_LENGTH = 200  # characters of a server's message that are kept
_RETRIED_STATUS = {408, 409, 425, 429}  # and all of 500 and above
_CONNECT_SECONDS = 10.0  # to be let in; the answer itself may take the whole time-out
_FATAL_STATUS = {401: "refuses the key", 403: "forbids the request", 404: "does not know the address or the model"}


class _NoAnswer(Exception):
    """A try without a usable answer that may be repeated.

    Attributes:
        reason: what went wrong.
        wait: seconds the server asks to wait.
        outside: nobody was there to talk to: an unknown host, a refused connection.
    """

    def __init__(self, reason: str, wait: float | None = None, *, outside: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait = wait
        self.outside = outside


class ServerWriter:
    """Writes through the `openai` client, many requests at a time.

    Args:
        settings: what to ask.
        connection: whom, and how patiently.
        cache: folder where answers are kept, so that none is paid for twice; None keeps none.

    Attributes:
        usage: requests, tokens and cost so far.
    """

    def __init__(
        self, settings: ServerWriterSettings, connection: ServerConnection, cache: Path | str | None = None
    ) -> None:
        self._settings = settings
        self._connection = connection
        self._client: Any = None
        self._key = ""
        self._line = ServerLine(connection.base_url, connection.give_up_after, connection.longest_wait)
        self._cache_folder = cache
        self._cache: RequestCache | None = None
        self.usage = Usage(connection.input_price, connection.output_price)

    @property
    def name(self) -> str:
        """The model's name on the server."""
        return self._settings.model

    def describe(self) -> dict[str, Any]:
        """Everything but the connection."""
        return {"kind": "server", **self._settings.to_dict()}

    def write(self, requests: Sequence[Request]) -> list[str | WriteFailure]:
        """One answer a request; what the server cannot give after all tries becomes a failure with the last reason.

        Raises:
            InputError: the key's environment variable is not set.
            WriterUnavailable: the key is refused, the model is unknown, the server cannot be reached from the start,
                or too many requests in a row got no answer.
        """
        client = self._open()
        if self._cache_folder is not None and self._cache is None:
            self._cache = RequestCache(self._cache_folder, self.describe())
        stop = threading.Event()
        pool = ThreadPoolExecutor(self._connection.concurrency, thread_name_prefix="captions")
        try:
            pending = [pool.submit(self._write_one, client, request, stop) for request in requests]
            return [future.result() for future in pending]
        finally:
            stop.set()  # after an error or Ctrl-C nobody waits for a try that would be thrown away
            pool.shutdown(wait=False, cancel_futures=True)

    def _write_one(self, client: Any, request: Request, stop: threading.Event) -> str | WriteFailure:
        known = self._cache.get(request) if self._cache is not None else None
        if known is not None:
            self.usage.taken_from_cache()
            return known
        jitter = random.Random(request.seed)
        reason = ""
        began = time.monotonic()
        for attempt in range(self._connection.retries + 1):
            self._line.check()
            self.usage.tried()
            try:
                answer = self._ask(client, request)
            except _NoAnswer as error:
                reason = error.reason
                last = attempt == self._connection.retries
                if error.outside:
                    self._line.outside(reason, time.monotonic() - began, last)
                else:
                    self._line.met()
                if not last:
                    wait = self._connection.first_wait * 2**attempt * jitter.uniform(0.75, 1.25)
                    wait = self._line.wait(max(wait, error.wait or 0.0))
                    logger.debug("no answer (%s), next try in %.1f s", reason, wait)
                    if stop.wait(wait):
                        break
                continue
            self._line.answered()
            return answer
        self.usage.failed()
        self._line.failed(reason)
        return WriteFailure(reason)

    def _ask(self, client: Any, request: Request) -> str | WriteFailure:
        import openai

        try:
            completion = client.chat.completions.create(**chat_body(request, self._settings))
        except openai.APITimeoutError as error:
            if _not_let_in(error):
                raise _NoAnswer("no connection: nobody answers at this address", outside=True) from None
            raise _NoAnswer(f"time-out: no answer within {self._connection.timeout:g} s") from None
        except openai.APIConnectionError as error:
            reason = f"no connection: {self._clean(error.__cause__ or error)}"
            raise _NoAnswer(reason, outside=_not_let_in(error)) from None
        except openai.APIStatusError as error:
            return self._refused(error)
        except (openai.APIResponseValidationError, ValueError, TypeError) as error:
            raise _NoAnswer(f"garbled answer: {self._clean(error)}") from None
        try:
            choice = completion.choices[0]
            text, finish = choice.message.content, choice.finish_reason
        except (AttributeError, IndexError, TypeError):
            raise _NoAnswer("garbled answer: no message in it") from None
        if text is not None and not isinstance(text, str):
            raise _NoAnswer("garbled answer: its text is no text")
        answer = self._answer(text or "", finish)
        self.usage.answered(getattr(completion, "usage", None))
        if self._cache is not None:
            self._cache.put(request, answer)
        return answer

    def _answer(self, text: str, finish: Any) -> str | WriteFailure:
        if finish == "content_filter":
            return WriteFailure("refused: the server's content filter", text)
        if finish == "length":
            return WriteFailure(f"unfinished: no end within {self._settings.max_new_tokens} tokens", text)
        return text or WriteFailure("empty: the server sent no text")

    def _refused(self, error: Any) -> WriteFailure:
        status = error.status_code
        reason = f"HTTP {status}: {self._clean(error)}"
        if status in _FATAL_STATUS:
            raise WriterUnavailable(f"{self._connection.base_url} {_FATAL_STATUS[status]} ({reason})") from None
        if status in _RETRIED_STATUS or status >= 500:
            raise _NoAnswer(reason, _retry_after(error.response.headers)) from None
        return WriteFailure(reason)  # this request's own fault: the same again would be refused again

    def _open(self) -> Any:
        if self._client is None:
            import openai

            variable = self._connection.api_key_variable
            key = os.environ.get(variable, "") if variable else ""
            if variable and not key:
                raise InputError(f"the environment variable {variable} for the server's key is not set")
            self._key = key
            self._client = openai.OpenAI(
                api_key=key or "none",
                base_url=self._connection.base_url,
                timeout=openai.Timeout(
                    self._connection.timeout, connect=min(self._connection.timeout, _CONNECT_SECONDS)
                ),
                max_retries=0,  # repeated here, where the reason and the waiting are ours to tell
            )
        return self._client

    def _clean(self, error: BaseException) -> str:
        """A message in one short line without the key."""
        message = " ".join(str(error).split()) or type(error).__name__
        if self._key:
            message = message.replace(self._key, "[key]")
        return message[:_REASON_LENGTH]

    def __getstate__(self) -> dict[str, Any]:
        """For worker processes, which read the key from their own environment."""
        return {"settings": self._settings, "connection": self._connection, "cache": self._cache_folder}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["settings"], state["connection"], state["cache"])  # type: ignore[misc]


def _not_let_in(error: BaseException) -> bool:
    """Whether no connection came about: the client's cause is told by its name, for its library is not ours."""
    return type(error.__cause__).__name__ in ("ConnectError", "ConnectTimeout")


def _retry_after(headers: Any) -> float | None:
    """Seconds of a Retry-After header; its date form is ignored."""
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None
