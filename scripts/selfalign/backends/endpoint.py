"""Any server with OpenAI's `/completions` or `/chat/completions`: vLLM's own, a gateway, a provider.

The key is read from the environment variable that config names. It is in no parameter, log, row or message: what a
server echoes is cleaned of it.
"""

import json
import logging
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from email.utils import parsedate_to_datetime

import httpx

from selfalign.backends import PROMPT_TOO_LONG, UNKNOWN, Completion, Request
from selfalign.errors import InfrastructureError, UserError

logger = logging.getLogger(__name__)

ATTEMPTS = 7
RATE_LIMITED_ATTEMPTS = 30
"""At a request that is answered by 429: a server at its limit works, so it is waited for longer, about 25 minutes."""
LONGEST_PAUSE = 60.0  # seconds between two attempts, where the server names no time
LONGEST_WAIT = 600.0  # seconds, where it does
logging.getLogger("httpx").setLevel(logging.WARNING)  # it writes a line a request

RETRIED = {408, 409, 425, 429}  # and 5xx
NO_CREDIT = "insufficient_quota"  # in a 429 that no waiting mends
TOO_LONG = ("context length", "maximum model length", "maximum context", "prompt is too long", "max_model_len")
FILTERED = ("content_filter", "content filter", "content_policy", "content policy", "content management policy")
"""What a server says of a prompt that its filter refuses; such a status 400 is of one row, not of the config."""


class EndpointBackend:
    """Asks the server of a config entry; see :class:`selfalign.backends.Backend`.

    Args:
        model: entry of `models`, with `endpoint`.
        pause: seconds before the second attempt at a request; doubled with each further one.
    """

    name = "endpoint"

    def __init__(self, model: dict, pause: float = 1.0):
        spec = model["endpoint"]
        self._where = f"models.{model['name']}.endpoint"
        self._model, self._concurrency, self._pause = spec["model"], spec["concurrency"], pause
        self._chat = spec.get("api") == "chat"
        self._names, self._extra = spec.get("parameters") or {}, spec.get("extra") or {}
        self._url = spec["url"].rstrip("/") + ("/chat/completions" if self._chat else "/completions")
        self._key = _key(spec["key_env"], self._where)
        self._client = httpx.Client(
            timeout=httpx.Timeout(spec["timeout_seconds"], connect=30),
            headers={"Authorization": f"Bearer {self._key}"} if self._key else {},
            limits=httpx.Limits(max_connections=self._concurrency),
        )
        self.version = UNKNOWN
        """What the server said of itself last, see :meth:`_version`."""

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[Request, Completion]]:
        """Where a request fails for good, no other is begun, and what the server still answers is given before the error:
        it is paid for."""
        source, exhausted = iter(requests), False
        failure: BaseException | None = None
        running: dict[Future, Request] = {}
        pool = ThreadPoolExecutor(self._concurrency)
        try:
            while not exhausted or running:
                while not exhausted and len(running) < 2 * self._concurrency:
                    request = next(source, None)
                    if request is None:
                        exhausted = True
                    else:
                        running[pool.submit(self._ask, request)] = request
                for done in wait(running, return_when=FIRST_COMPLETED).done if running else ():
                    request = running.pop(done)
                    if done.cancelled():
                        continue
                    if error := done.exception():
                        failure, exhausted = failure or error, True
                        for waiting in running:
                            waiting.cancel()
                    else:
                        yield request, done.result()
            if failure:
                raise failure
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        self._client.close()

    def _ask(self, request: Request) -> Completion:
        """One answer, after as many attempts as it takes; the last failure is raised."""
        sampling = request.sampling
        wanted = {name: getattr(sampling, name) for name in ("temperature", "top_p", "max_tokens", "seed")}
        body = {
            "model": self._model,
            **self._question(request.prompt),
            **{called: wanted[name] for name in wanted if (called := self._names.get(name, name))},
            **({"stop": list(sampling.stop)} if sampling.stop or not self._chat else {}),
            **self._extra,
        }
        limited = troubled = 0
        while limited < RATE_LIMITED_ATTEMPTS and troubled < ATTEMPTS:
            status = None
            try:
                response = self._client.post(self._url, json=body)
            except httpx.HTTPError as error:
                problem, asked = f"{type(error).__name__}: {error}", 0.0
            else:
                status = response.status_code
                if response.is_success:
                    completion = self._read(response)
                    if completion:
                        return completion
                    problem = f"status {status} with an answer that is not a completion"
                elif (status in RETRIED and NO_CREDIT not in response.text) or status >= 500:
                    problem = f"status {status}"
                else:
                    return self._refused(response)
                asked = _seconds(response.headers.get("retry-after"))
            limited, troubled = limited + (status == 429), troubled + (status != 429)
            if limited < RATE_LIMITED_ATTEMPTS and troubled < ATTEMPTS:
                own = min(LONGEST_PAUSE, self._pause * 2 ** (limited + troubled - 1))
                pause = min(LONGEST_WAIT, max(asked, own))
                logger.warning("%s: %s; again in %.1f s", self._url, self._clean(problem), pause)
                time.sleep(pause)
        raise InfrastructureError(
            f"the model server gave no answer in {limited + troubled} attempts: {self._clean(problem)}",
            where=f"{self._where}, {self._url}",
            fix="see to the server, then run again: finished rows are in the journal and not asked for twice",
        )

    def _question(self, prompt: str) -> dict:
        return {"messages": [{"role": "user", "content": prompt}]} if self._chat else {"prompt": prompt}

    def _read(self, response: httpx.Response) -> Completion | None:
        """The completion in a successful response; None when there is none in it."""
        try:
            answer = response.json()
            choice, usage = answer["choices"][0], answer.get("usage") or {}
            message = choice["message"] if self._chat else {"content": choice["text"]}
            refusal, finish = message.get("refusal") or "", choice.get("finish_reason")
            text = message.get("content")
            # A filter, or a model that spent all tokens on reasoning, leaves a finished answer without content.
            if text is None and (refusal or (self._chat and finish)):
                text = refusal
            if not isinstance(text, str):
                return None
            details = usage.get("prompt_tokens_details") or {}
            self.version = self._version(answer, response)
            return Completion(
                text=text,
                finish_reason="content_filter" if refusal else str(finish),
                prompt_tokens=int(usage.get("prompt_tokens") or 0),
                cached_tokens=int(details.get("cached_tokens") or 0),
                output_tokens=int(usage.get("completion_tokens") or 0),
                version=self.version,
            )
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):
            return None

    def _version(self, answer: dict, response: httpx.Response) -> str:
        """What made an answer: the model, where the server names another than it was asked for (a dated one behind an
        alias), and its `system_fingerprint`, else its `Server` header."""
        served = str(answer.get("model") or "")
        marks = [
            served if served != self._model else "",
            answer.get("system_fingerprint") or response.headers.get("server"),
        ]
        return self._clean(" ".join(str(mark) for mark in marks if mark)) or UNKNOWN

    def _refused(self, response: httpx.Response) -> Completion:
        """A request that the server will never answer: the prompt is too long or filtered, or the config is wrong."""
        said, text = response.text.lower(), self._clean(response.text)[:500]
        if response.status_code in (400, 413, 422) and any(words in said for words in TOO_LONG):
            return Completion("", PROMPT_TOO_LONG)
        if response.status_code == 400 and any(words in said for words in FILTERED):
            return Completion("", "content_filter")
        fixes = {
            401: "check the key in the variable that key_env names",
            403: "check the key's rights",
            429: "see to the account's quota",
        }
        raise UserError(
            f"the model server refused a request with status {response.status_code}: {text}",
            where=f"{self._where}, {self._url}",
            fix=fixes.get(
                response.status_code,
                "check `url` (it ends in /v1, mostly) and `model` of that entry; `parameters` renames or leaves out what the "
                "server does not take",
            ),
        )

    def _clean(self, text: str) -> str:
        """A text without the key, as it is and as it is written in JSON."""
        for spelling in {self._key, json.dumps(self._key)[1:-1]} - {""}:
            text = text.replace(spelling, "[key]")
        return text


def _key(variable: str | None, where: str) -> str:
    if not variable:
        return ""
    key = os.environ.get(variable, "").strip()
    if not key:
        raise UserError(f"the environment variable {variable} is not set", where=where, fix=f"export {variable}=...")
    if not (key.isascii() and key.isprintable() and " " not in key):
        # The HTTP library would quote the value in its message, so it must not get that far.
        raise UserError(
            f"the environment variable {variable} holds no key: a blank, a line's end or another character that no header carries",
            where=where,
            fix=f"export {variable}=... with the key alone, in one line",
        )
    return key


def _seconds(header: str | None) -> float:
    """What a Retry-After header asks for: seconds, or those up to a date; 0 for none and for what is neither."""
    try:
        return max(0.0, float(header or 0))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header or "").timestamp() - time.time())
    except ValueError:
        return 0.0
