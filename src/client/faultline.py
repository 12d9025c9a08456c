"""A client for faultline: one file, Python 3.8 or later, standard library only.

    from faultline import Faultline, InfraError

    faultline = Faultline("http://127.0.0.1:8080", token)
    with faultline.open(task="base") as rollout:
        answer = rollout.call("shell", {"command": "ls"})
        print(answer.output)          # for the model
    print(rollout.verdict()["verdict"])

Threads may share the objects. With asyncio use `await asyncio.to_thread(rollout.call, ...)`.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple, Union
from urllib.parse import quote, urlencode, urlsplit

__all__ = ["Answer", "ClientError", "Faultline", "FaultlineError", "InfraError", "Rollout", "TaskError"]

PATIENCE_S = 600.0
"""How long a request is retried while the server cannot be reached or asks for a retry."""
ANSWER_S = 600.0
"""The server holds a call for at most 570 s. After 600 s the connection is considered dead; a retry joins the call."""
FIRST_WAIT_S = 0.2
LONGEST_WAIT_S = 5.0


class FaultlineError(Exception):
    """A request without an answer for the model. Catch one of the three subclasses: each needs a different reaction."""

    def __init__(self, message: str, status: Optional[int], code: str) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status; None if there was no answer."""
        self.code = code
        """The cause code of a call, or the error code of another request; `unreachable` if there was no answer."""


class InfraError(FaultlineError):
    """Infrastructure failed, and safe retries did not help. Leave the rollout out; never score it."""


class TaskError(FaultlineError):
    """The task cannot run as configured (image, set-up). Leave the rollout out and fix the task."""


class ClientError(FaultlineError):
    """The request is wrong, or came after the rollout's end (`rollout_ended`). Do not retry it."""


@dataclass(frozen=True)
class Answer:
    """The answer to a tool call. A failure of the model is an answer too: give it `output` and continue."""

    call_id: str
    output: str
    result: Optional[Dict[str, Any]]
    """exit_code, signal, stdout, stderr, truncated, notice, duration_ms; None if the tool never ran."""
    outcome: Dict[str, str]
    """attribution and cause."""


class Faultline:
    """A faultline server, for trainers. Create one and share it."""

    def __init__(self, url: str, token: str, job: Optional[str] = None, patience: float = PATIENCE_S) -> None:
        """`job` is sent as X-Job-Id; `patience` is in seconds."""
        self._transport = _Transport(url, token, job, patience)

    def rollout(self, rollout_id: str) -> Rollout:
        """A rollout by its id, without a request. Its first call opens it, with the default task, if it is not open."""
        return Rollout(rollout_id, self._transport)

    def open(self, rollout_id: Optional[str] = None, task: Optional[str] = None, item: Any = None) -> Rollout:
        """Opens a rollout. Its first call starts the sandbox. `item`, the dataset row, may select the task."""
        body: Dict[str, Any] = {"rollout_id": rollout_id or f"rollout-{uuid.uuid4()}"}
        if task is not None:
            body["task"] = task
        if item is not None:
            body["item"] = item
        return Rollout(self._transport.json("POST", "/rollouts", body)["rollout_id"], self._transport)

    def rollouts(self, state: Optional[str] = None, limit: int = 100) -> Dict[str, Any]:
        query = {"limit": limit} if state is None else {"limit": limit, "state": state}
        return self._transport.json("GET", f"/rollouts?{urlencode(query)}")

    def verdicts(self, rollout_ids: List[str]) -> Dict[str, Any]:
        """Verdicts of up to 10,000 rollouts, one for each id. Grade `valid` and `no_tool_call`, and no other."""
        return self._transport.json("POST", "/verdicts", {"rollout_ids": list(rollout_ids)})

    def tasks(self) -> List[Dict[str, Any]]:
        return self._transport.json("GET", "/tasks")["tasks"]

    def tools(self, task: str, format: str = "responses") -> List[Dict[str, Any]]:
        """A task's tool definitions in the form `responses`, `chat` or `job`."""
        return self._transport.json("GET", f"/tasks/{_segment(task)}/tools?format={format}")["tools"]

    def prewarm(self, count: int, task: Optional[str] = None) -> Dict[str, Any]:
        """Announces a burst, so that sandboxes are ready when it starts."""
        body: Dict[str, Any] = {"count": count} if task is None else {"count": count, "task": task}
        return self._transport.json("POST", "/prewarm", body)


class Rollout:
    """One rollout of the trainer. As a context manager it ends the rollout. Methods raise the three errors above."""

    def __init__(self, rollout_id: str, transport: _Transport) -> None:
        self.id = rollout_id
        self._transport = transport
        self._path = f"/rollouts/{_segment(rollout_id)}"

    def call(self, tool: str, arguments: Dict[str, Any], call_id: Optional[str] = None) -> Answer:
        """Calls a tool and waits until it has ended, up to 10 minutes, or longer if the sandbox waits in the start queue.

        `call_id` is the idempotency key: pass your own if the trainer may be restarted and repeat the call.
        """
        body = {"call_id": call_id or str(uuid.uuid4()), "tool": tool, "arguments": arguments}
        answer = self._transport.json("POST", f"{self._path}/calls", body)
        return Answer(answer["call_id"], answer["output"], answer["result"], answer["outcome"])

    def upload(self, path: str, content: Union[bytes, str]) -> Dict[str, Any]:
        """Writes a file; `path` is a path in the sandbox."""
        data = content.encode() if isinstance(content, str) else content
        return json.loads(self._transport.ask("PUT", self._file(path), data, "application/octet-stream"))

    def download(self, path: str) -> bytes:
        return self._transport.ask("GET", self._file(path))

    def view(self) -> Dict[str, Any]:
        return self._transport.json("GET", self._path)

    def verdict(self) -> Dict[str, Any]:
        """Call this before the rollout is graded: grade it only if the verdict is `valid` or `no_tool_call`.

        `no_tool_call`: it made no tool call, which is the model's choice. `unknown`: records are missing, and nobody can
        say whether infrastructure failed it; `unknown_because` has the reason.
        """
        return self._transport.json("GET", f"{self._path}/verdict")

    def trajectory(self) -> Dict[str, Any]:
        return self._transport.json("GET", f"{self._path}/trajectory")

    def end(self) -> Dict[str, Any]:
        """Ends the rollout and removes its sandbox; calls and verdict stay readable. May be repeated."""
        return self._transport.json("DELETE", self._path)

    def __enter__(self) -> Rollout:
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()

    def _file(self, path: str) -> str:
        return f"{self._path}/files?{urlencode({'path': path})}"


def _segment(text: str) -> str:
    return quote(text, safe="")


class _Transport:
    """Sends requests, and retries those that may succeed later: no connection, a broken connection, a 503 that does not
    end the rollout. Every request is safe to retry: calls have a call id, and requests that open a rollout its id."""

    def __init__(self, url: str, token: str, job: Optional[str], patience: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or parts.hostname is None:
            raise ValueError(f"not an http(s) URL: {url}")
        self._url = url
        self._host = parts.hostname
        self._port = parts.port
        self._prefix = parts.path.rstrip("/") + "/v1"
        self._connection_type = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._headers = {"Authorization": f"Bearer {token}"}
        if job is not None:
            self._headers["X-Job-Id"] = job
        self._patience = patience
        self._kept = threading.local()

    def json(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        return json.loads(self.ask(method, path, data, "application/json"))

    def ask(self, method: str, path: str, data: Optional[bytes] = None, media_type: str = "") -> bytes:
        ends_at = time.monotonic() + self._patience
        attempt = 0
        while True:
            error, again, wait = None, False, None
            try:
                status, retry_after, body = self._send(method, path, data, media_type)
                if 200 <= status < 300:
                    return body
                error, again = _failure(status, body)
                wait = retry_after
            except (OSError, http.client.HTTPException) as broken:
                error = InfraError(f"{self._url} did not answer: {broken!r}", None, "unreachable")
                error.__cause__ = broken
                again = True
            wait = _backoff(attempt) if wait is None else wait
            if not again or time.monotonic() + wait > ends_at:
                raise error
            time.sleep(wait)
            attempt += 1

    def _send(
        self, method: str, path: str, data: Optional[bytes], media_type: str
    ) -> Tuple[int, Optional[float], bytes]:
        headers = dict(self._headers)
        if data is not None:
            headers["Content-Type"] = media_type
        connection = self._connection()
        try:
            connection.request(method, self._prefix + path, body=data, headers=headers)
            response = connection.getresponse()
            return response.status, _seconds(response.headers.get("Retry-After")), response.read()
        except BaseException:
            connection.close()  # Part of an answer may be unread; the next request reconnects.
            raise

    def _connection(self) -> http.client.HTTPConnection:
        """One connection per thread, kept between requests."""
        connection = getattr(self._kept, "connection", None)
        if connection is None:
            connection = self._connection_type(self._host, self._port, timeout=ANSWER_S)
            self._kept.connection = connection
        return connection


def _failure(status: int, body: bytes) -> Tuple[FaultlineError, bool]:
    """The error for an answer that is not 2xx, and whether to retry. The answer is a call's (with its outcome), an error
    reply, or one from a proxy in between."""
    text = body.decode("utf-8", "replace")
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        told = {}
    if "outcome" in told:
        code = told["outcome"]["cause"]
        kind = ClientError if status < 500 else TaskError if told["outcome"]["attribution"] == "task" else InfraError
        # Only after this cause may the same call still run; after the others the rollout is lost.
        return kind(f"the call ended with {code}: {told['output']}", status, code), code == "queue_wait"
    error = InfraError if status >= 500 else ClientError
    return error(told.get("message", text[:500]), status, told.get("error", f"http_{status}")), status == 503


def _seconds(text: Optional[str]) -> Optional[float]:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None  # A date, which only proxies send: use the default wait.


def _backoff(attempt: int) -> float:
    """Exponential, with jitter of half the value, so that hundreds of rollouts do not retry at the same moment."""
    return min(FIRST_WAIT_S * 2**attempt, LONGEST_WAIT_S) * (0.5 + random.random() / 2)
