"""What becomes of a run whose model misbehaves in every way: how each episode ends, and whether the sums agree."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks.measure import Table
from benchmarks.startup import script
from sotopia_core.database.locate import storage_from_url
from sotopia_core.episodes import EpisodeLog, RunRecord
from sotopia_core.registry import Registry
from sotopia_testing.chat_faults import FAULTS
from sotopia_testing.chat_server import ChatServer, Reply

SHARE: Final = 0.1
"""Share of all answers that go wrong, each way as often as any other."""

WITHOUT_A_REPLY: Final = {
    "429",
    "429 with Retry-After",
    "500",
    "503",
    "hang",
    "drip",
    "closed mid-body",
    "broken body",
}
"""Faults after which there is no text, and so nothing that is counted as a call."""

CAST: Final = ("Lubna Al-Khatib", "Temwa Phiri")
SCORES: Final = {
    "believability": 9,
    "relationship": 3,
    "knowledge": 4,
    "secret": -1,
    "social_rules": -2,
    "financial_and_material_benefits": 2,
    "goal": 7,
}
"""What the judge gives everybody when it answers as it should: no score is 0."""

RUN: Final = """
[run]
name = "faults"
trials = {trials}
concurrency = {concurrency}
on_invalid_action = "{on_invalid_action}"

[models.local]
use = "{use}"
model = "{model}"
{address} = "{url}"
api_key_env = "PLANTED_KEY"
read_timeout = 2.0
timeout = 2.5
longest_pause = 2.0
longest_outage = 20.0

[[agents]]
use = "LLMAgent"
model = "local"
timeout = 60.0

[pool]
packs = ["starter"]
environments = ["cargo_bike_sale"]
agents = ["Lubna Al-Khatib", "Temwa Phiri"]

[[response_evaluators]]
use = "RuleBasedTerminatedEvaluator"
max_turn_number = {turns}

[[terminal_evaluators]]
use = "ReachGoalLLMEvaluator[SotopiaDimensions]"
model = "local"
"""


@dataclass
class Ending:
    """How a run over a faulty server ended; ``wrong`` lists what should not be."""

    episodes: int
    statuses: Counter[str]
    causes: Counter[str]
    misbehaved: Mapping[str, int]
    requests: int
    calls: int
    seconds: float
    status: int
    wrong: list[str] = field(default_factory=list)


def play(
    folder: Path,
    episodes: int,
    *,
    provider: str = "OpenAICompatible",
    turns: int = 4,
    concurrency: int = 100,
    share: float = SHARE,
    on_invalid_action: str = "fail",
    key: str = "planted-key-0815",
    timeout: float = 300.0,
) -> Ending:
    """Play episodes with the command line, in a process of its own, and look at everything that it left behind."""
    judged = json.dumps({name: {d: {"reasoning": "So.", "score": s} for d, s in SCORES.items()} for name in CAST})
    address, model = ("api_base", "openai/scripted") if provider == "LiteLLM" else ("base_url", "scripted")
    faults = dict.fromkeys(FAULTS, share / len(FAULTS))
    with ChatServer(rules={"believability": Reply(text=judged)}, faults=faults, keep=1) as server:
        options = {"use": provider, "model": model, "address": address, "url": server.url}
        run = RUN.format(
            trials=episodes, concurrency=concurrency, turns=turns, on_invalid_action=on_invalid_action, **options
        )
        (folder / "run.toml").write_text(run, encoding="utf-8")
        began = time.monotonic()
        done = subprocess.run(  # whatever the status is, it is looked at
            [script(), "--log-level", "debug", "--log-file", "log.txt", "run", "run.toml", "--json"],
            cwd=folder,
            env=os.environ | {"PLANTED_KEY": key},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        seconds = time.monotonic() - began
        misbehaved, requests = server.misbehaved(), server.count()
    if not done.stdout:
        raise RuntimeError(f"the run did not end as it should: {done.stderr[-2000:]}")
    ending = _look(folder, episodes, json.loads(done.stdout), misbehaved, requests)
    ending.seconds, ending.status = seconds, done.returncode
    for name, text in {"output": done.stdout, "errors": done.stderr}.items():
        if key in text:
            ending.wrong.append(f"the key stands in the {name}")
    ending.wrong += [f"the key stands in {p.name}" for p in folder.iterdir() if key.encode() in p.read_bytes()]
    return ending


def _look(folder: Path, episodes: int, told: Mapping[str, Any], misbehaved: Mapping[str, int], requests: int) -> Ending:
    with storage_from_url(Registry.installed(), f"sqlite:///{folder / 'sotopia.db'}").open() as store:
        (run,) = store.find(RunRecord)
        kept = store.find(EpisodeLog)
    statuses = Counter(episode.status for episode in kept)
    calls = sum(usage.calls for episode in kept for usage in episode.usage.values())
    wrong = []
    if len(kept) != episodes or sum(told["episodes"].values()) != episodes:
        wrong.append(f"{len(kept)} episodes are kept, {told['episodes']} are told, of {episodes}")
    if sum(usage.calls for usage in run.usage.values()) != calls:
        wrong.append(f"the run counts {run.usage}, its episodes {calls} calls")
    answered = requests - sum(times for fault, times in misbehaved.items() if fault in WITHOUT_A_REPLY)
    if calls != answered:
        wrong.append(f"{calls} calls are counted, and the server gave {answered} answers")
    for episode in kept:
        wrong += _wrong_with(episode)
    causes = Counter(_kind(reason) for episode in kept for reason in _reasons(episode))
    return Ending(episodes, Counter(statuses), causes, misbehaved, requests, calls, 0.0, 0, wrong)


def _wrong_with(episode: EpisodeLog) -> list[str]:
    match episode.status:
        case "scored":
            rewards = [episode.outcome[name].scores for name in CAST]
            return [] if rewards == [SCORES, SCORES] else [f"{episode.pk} has scores that nobody gave: {rewards}"]
        case "unscored" | "failed":
            found = [] if _reasons(episode) else [f"{episode.pk} is {episode.status} without a reason"]
            return found if not any(episode.rewards) else [*found, f"{episode.pk} has scores: {episode.rewards}"]
        case _:
            return [f"{episode.pk} is {episode.status}"]


def _reasons(episode: EpisodeLog) -> list[str]:
    if episode.cause:
        return [episode.cause]
    return list(dict.fromkeys(reason for reward in episode.outcome.values() for reason in reward.reasons))


def _kind(reason: str) -> str:
    """Leave numbers and names of places out of a reason, so that like reasons are counted together."""
    return "".join("#" if character.isdigit() else character for character in reason)[:90]


def measure(quick: bool) -> list[Table]:
    """Play a run of 1,000 episodes, 100 at a time, and print what came of it."""
    episodes = 100 if quick else 1000
    with tempfile.TemporaryDirectory() as folder:
        ending = play(Path(folder), episodes)
    rows: list[tuple[object, ...]] = [(f"episodes {status}", times) for status, times in ending.statuses.items()]
    rows += [(f"because {cause}", times) for cause, times in ending.causes.most_common(8)]
    rows += [(f"answers: {fault}", times) for fault, times in sorted(ending.misbehaved.items())]
    rows += [("requests", ending.requests), ("calls counted", ending.calls), ("seconds", round(ending.seconds, 1))]
    rows += [("found wrong", len(ending.wrong)), *(("wrong", one) for one in ending.wrong[:5])]
    method = (
        f"{episodes} episodes of 4 turns and a judge, 100 in play, by the command line over real HTTP; a tenth of all\n"
        "answers goes wrong in one of fourteen ways. Wrong would be: an episode missing, without a reason, or with a\n"
        "score that the judge did not give; sums of calls that differ between server, episodes and run; a key anywhere."
    )
    return [Table("faults", method, ("what", "how many"), tuple(rows))]
