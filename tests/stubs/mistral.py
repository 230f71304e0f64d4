"""Behaves like Mistral's chat completions; `python -m tests.stubs.mistral --port N`.

Answers in the schema, citing the log ids that it finds in the prompt. Faults, by "kind":
`rate_limited` (429, "retry_after"), `http_500`, `nonsense` (text that is no JSON), `half` (an
answer cut in the middle), `other_schema`, `hang`, `drop`, `slow` (a good answer after
"delay_seconds"), `cites_unknown` (ids that it made up), `says` (a good answer changed by "answer").
"""

from __future__ import annotations

import json
import re
from typing import Any

from tests.stubs.faults import StubServer, run

UNKNOWN_LOG_ID = "00000000-0000-4000-8000-00000000dead"


class MistralStub(StubServer):
    @property
    def prompts(self) -> list[str]:
        chats = [r for r in self.recorded if r["path"] == "/v1/chat/completions"]
        return [r["body"]["messages"][-1]["content"] for r in chats]

    def answer(self, request: dict[str, Any], fault: dict[str, Any] | None) -> Any:
        fault = fault or {}
        kind = fault.get("kind", "")
        if kind == "rate_limited":
            headers = {"Retry-After": str(fault["retry_after"])}
            return 429, {"message": "Requests rate limit exceeded"}, headers
        if kind == "http_500":
            return 500, {"message": "oops"}
        if kind in ("hang", "drop"):
            return "hang" if kind == "hang" else None
        body = request["body"]
        if request["path"] != "/v1/chat/completions" or (
            body.get("response_format", {}).get("type") != "json_schema"
        ):
            return 422, {"detail": []}
        if kind == "other_response":
            return 200, {"object": "chat.completion", "choices": "none of this API's"}
        prompt = body["messages"][-1]["content"]
        answer = self.root_cause(prompt, kind)
        if kind == "says":
            answer |= fault["answer"]
        content = json.dumps(answer)
        if kind == "nonsense":
            content = "The root cause is, as so often, DNS."
        if kind == "half":
            content = content[: len(content) // 2]
        return 200, {
            "id": "stub",
            "object": "chat.completion",
            "model": body["model"],
            "created": 0,
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": content},
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": len(prompt) // 4,
                "completion_tokens": len(content) // 4,
                "total_tokens": len(prompt) // 4 + len(content) // 4,
            },
        }

    @staticmethod
    def root_cause(prompt: str, kind: str) -> dict[str, Any]:
        if kind == "other_schema":
            return {"verdict": "guilty"}
        log_ids = re.findall(r"log_id=([0-9a-f-]{36})", prompt)[:3]
        if kind == "cites_unknown":
            log_ids = [*log_ids[:1], UNKNOWN_LOG_ID]
        suspects = re.search(r"most likely first: ([^\n]+)\.", prompt)
        culprit = suspects[1].split(", ")[0] if suspects else "unknown"
        return {
            "root_cause": f"The stub blames {culprit}.",
            "culprit_service": culprit,
            "confidence": "confirmed",
            "evidence": log_ids,
            "actions": ["Roll back the last deployment."],
        }


if __name__ == "__main__":
    run(MistralStub)
