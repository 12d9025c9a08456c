"""A trainer's step without a model, in Python: a group of rollouts per question, graded, those left out that broke.

FAULTLINE_TOKEN=... python3 images/reports/examples/trainer.py
"""

import json
import os
import re
import statistics
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2] / "src" / "client"))  # Or copy faultline.py beside your trainer.
from faultline import Faultline, InfraError, TaskError  # noqa: E402

GROUP = 4
GRADED = {"valid", "no_tool_call"}  # A rollout without a tool call is the model's choice.


def play(faultline, row, rank):
    """One rollout: the id and its reward. A policy of your own stands in the place of the two calls."""
    with faultline.open(item=row) as rollout:
        try:
            pages = re.findall(r"^\S.*", rollout.call("search", {"query": row["question"]}).output, re.M)
            page = rollout.call("cat", {"path": pages[min(rank, len(pages) - 1)]}).output
            return rollout.id, float(row["answer"] in page)
        except (InfraError, TaskError):
            return rollout.id, 0.0  # Not the model's doing: the verdict leaves it out.


def advantages(rewards, verdicts):
    """As GRPO has them, with exclusion: what machinery broke has none, and no part in the others' baseline."""
    kept = [reward for reward, verdict in zip(rewards, verdicts) if verdict in GRADED]
    if len(kept) < 2:
        return [None] * len(rewards)
    mean, deviation = statistics.mean(kept), statistics.pstdev(kept)
    scaled = [0.0 if deviation == 0 else (reward - mean) / deviation for reward in rewards]
    return [one if verdict in GRADED else None for one, verdict in zip(scaled, verdicts)]


def main():
    url = os.environ.get("FAULTLINE_URL", "http://127.0.0.1:8080")
    faultline = Faultline(url, os.environ["FAULTLINE_TOKEN"], job="reports-example")
    rows = [json.loads(line) for line in (HERE / "questions.jsonl").read_text().splitlines()]
    with ThreadPoolExecutor(GROUP) as pool:
        for row in rows:
            played = list(pool.map(lambda rank, row=row: play(faultline, row, rank), range(GROUP)))
            told = {one["rollout_id"]: one["verdict"] for one in faultline.verdicts([id for id, _ in played])["verdicts"]}
            rewards = [reward for _, reward in played]
            found = advantages(rewards, [told.get(id, "exclude") for id, _ in played])
            shown = ["left out" if one is None else f"{one:.2f}" for one in found]
            print(row["id"], "rewards", *rewards, "advantages", *shown)


if __name__ == "__main__":
    main()
