"""Records made by hand, stores that hold them, and the commands that look at them, called in this process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer
from typer.testing import CliRunner, Result

from sotopia_core.cli import config, init, listing, plugins, show, store
from sotopia_core.database.locate import find_storage
from sotopia_core.episodes import EpisodeLog, Provenance, RunRecord, Turn, reward_entries
from sotopia_core.evaluation import Evaluation, Judgement, Score, Scored, Unscored, aggregate
from sotopia_core.messages import AgentAction, Background, Event, Observation, Participant
from sotopia_core.models import Usage
from sotopia_core.profiles import (
    AgentProfile,
    EnvAgentComboStorage,
    EnvironmentProfile,
    RelationshipProfile,
    RelationshipType,
)
from sotopia_core.records import Record
from sotopia_core.registry import Registry

MIA, LEO = "Mia Davis", "Leo Park"
SECRETS = {MIA: "Mia owes money.", LEO: "Leo cannot swim."}
GOALS = {MIA: "Sell the bicycle.", LEO: "Buy the bicycle."}
DIMENSIONS: dict[str, float | None] = {"tact": None, "goal": None}


def ask(*arguments: object) -> Result:
    """Call the command line in this process; what it raises is raised here."""
    app = typer.Typer()
    app.command("list")(listing.list_)
    app.command("show")(show.show)
    app.command("init")(init.init)
    app.add_typer(store.app, name="store")
    app.add_typer(plugins.app, name="plugins")
    app.add_typer(config.app, name="config")
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def keep(folder: Path, *records: Record) -> str:
    """Store records in a new file and return the store's URL."""
    url = f"sqlite:///{folder / 'kept.db'}"
    with find_storage(Registry.installed(), url).open() as store:
        store.put_many(records)
    return url


def agent(name: str = MIA, **fields: object) -> AgentProfile:
    first, _, last = name.partition(" ")
    return AgentProfile(**{"pk": f"AGENT-{first}", "first_name": first, "last_name": last, "age": 30, **fields})


def scenario(**fields: object) -> EnvironmentProfile:
    given = {
        "pk": "ENV-1",
        "codename": "bicycle_sale",
        "scenario": "Two people meet over a bicycle.",
        "agent_goals": (GOALS[MIA], GOALS[LEO]),
        "relationship": RelationshipType.friend,
    }
    return EnvironmentProfile(**{**given, **fields})


def combo() -> EnvAgentComboStorage:
    return EnvAgentComboStorage(pk="COMBO-1", env_id="ENV-1", agent_ids=("AGENT-Mia", "AGENT-Leo"))


def relationship() -> RelationshipProfile:
    return RelationshipProfile(
        pk="REL-1", agent_1_id="AGENT-Mia", agent_2_id="AGENT-Leo", relationship=RelationshipType.friend
    )


def run(**fields: object) -> RunRecord:
    given = {
        "pk": "RUN-1",
        "name": "pilot",
        "tag": "spring",
        "status": "finished",
        "config": {"run": {"seed": 7}},
        "planned": 3,
        "counts": {"scored": 2, "failed": 1},
        "usage": {"agents": Usage(calls=12, input_tokens=3400, output_tokens=560, cost=0.0123)},
        "started_at": "2025-03-01T10:20:30.000+00:00",
    }
    return RunRecord(**{**given, **fields})


def speak(text: str, *to: str) -> AgentAction:
    return AgentAction(action_type="speak", argument=text, to=to)


def turns_of(deeds: Sequence[tuple[str, AgentAction]]) -> tuple[Turn, ...]:
    """Play deeds one a turn, each seen by both, with a last turn in which nobody acts."""
    turns = []
    before: tuple[Event, ...] = ()
    for number, (name, action) in enumerate(deeds):
        turns.append(Turn(number=number, observations=_observations(number, before), actions={name: action}))
        before = (Event(turn=number, sender=name, action=action),)
    turns.append(Turn(number=len(deeds), observations=_observations(len(deeds), before)))
    return tuple(turns)


def _observations(turn: int, events: tuple[Event, ...]) -> dict[str, Observation]:
    return {
        name: Observation(turn=turn, agent=name, background=_background(name) if turn == 0 else None, events=events)
        for name in (MIA, LEO)
    }


def _background(viewer: str) -> Background:
    participants = [
        Participant(name=name, profile={"age": 30, "secret": SECRETS[name]}, goal=GOALS[name])
        if name == viewer
        else Participant(name=name)
        for name in (MIA, LEO)
    ]
    return Background(viewer=viewer, scenario="Two people meet over a bicycle.", participants=tuple(participants))


def scored(tact: float, goal: float) -> Scored:
    return Scored(scores={"tact": Score(value=tact, reasoning="kind words"), "goal": Score(value=goal)})


def episode(
    *deeds: tuple[str, AgentAction], judgements: dict[str, Judgement] | None = None, **fields: object
) -> EpisodeLog:
    """An episode as this software keeps it: judged as given, or by nobody."""
    evaluations = ()
    if judgements is not None:
        evaluations = (
            Evaluation(
                evaluator="Judge[Manners]",
                dimension_set="Manners",
                digest="0" * 16,
                dimensions=DIMENSIONS,
                model="gpt-4o",
                judgements=judgements,
            ),
        )
    outcome = aggregate(evaluations, (MIA, LEO))
    complete = bool(outcome) and all(reward.complete for reward in outcome.values())
    given = {
        "pk": "EPISODE-1",
        "environment": "ENV-1",
        "agents": ("AGENT-Mia", "AGENT-Leo"),
        "agent_names": (MIA, LEO),
        "tag": "spring",
        "models": ("gpt-4o", "gpt-4o-mini", "llama-3"),
        "agent_classes": ("LLMAgent", "LLMAgent"),
        "run": "RUN-1",
        "draw": 0,
        "trial": 2,
        "status": "unjudged" if judgements is None else "scored" if complete else "unscored",
        "ended": "turn 2 reached the maximum of 2",
        "turns": turns_of(deeds or [(MIA, speak("Hello, Leo.")), (LEO, speak("Hello, Mia."))]),
        "evaluations": evaluations,
        "outcome": outcome,
        "rewards": reward_entries((MIA, LEO), outcome),
        "provenance": Provenance(fingerprint="f" * 16, seed=7),
        "started_at": "2025-03-01T10:20:30.000+00:00",
        "seconds": 4.25,
    }
    return EpisodeLog(**{**given, **fields})


BOTH_SCORED: dict[str, Judgement] = {MIA: scored(4, 8), LEO: scored(-1, 2)}
LEO_UNSCORED: dict[str, Judgement] = {MIA: scored(4, 8), LEO: Unscored(reason="the judge gave no answer")}


def imported(**fields: object) -> EpisodeLog:
    """An episode as a log of Sotopia has it, with messages and no turns."""
    nothing = "did nothing"
    given = {
        "pk": "EPISODE-9",
        "environment": "ENV-1",
        "agents": ("AGENT-Mia", "AGENT-Leo"),
        "models": ("gpt-4", "gpt-4", "localhost"),
        "status": "scored",
        "verbatim_messages": (
            (
                ("Environment", MIA, "Here is the context, Mia."),
                ("Environment", LEO, "Here is the context, Leo."),
                (MIA, "Environment", 'said: "Hi <b>Leo</b>"'),
                (LEO, "Environment", nothing),
            ),
            (
                ("Environment", MIA, 'Turn #0: Mia Davis said: "Hi <b>Leo</b>"\n'),
                ("Environment", LEO, 'Turn #0: Mia Davis said: "Hi <b>Leo</b>"\n'),
                (MIA, "Environment", nothing),
                (LEO, "Environment", nothing),
            ),
            (("Environment", MIA, "Turn #1: \n"), ("Environment", LEO, "Turn #1: \n")),
        ),
        "rewards": ((6.0, {"tact": 4.0, "goal": 8.0, "overall_score": 6.0}), None),
        "reasoning": "Environment comments: terminated\nAgent 1 comments:\ntact: kind words",
    }
    return EpisodeLog(**{**given, **fields})
