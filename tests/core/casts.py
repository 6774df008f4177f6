"""Small casts and agents that the kernel's tests share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sotopia_core.evaluation import Dimension, DimensionSet, Judgement, Score, Scored
from sotopia_core.interfaces import (
    Agent,
    EvaluationContext,
    Ordering,
    ResponseEvaluator,
    TerminalEvaluator,
    Transcript,
    Verdict,
)
from sotopia_core.messages import AgentAction, Observation
from sotopia_core.profiles import AgentProfile, Combo, EnvironmentProfile

NAMES = ("Mia Davis", "Leo Park", "Zoë Ní Bhriain", "Ugo Rossi")


def character(name: str, **fields: object) -> AgentProfile:
    first, _, last = name.partition(" ")
    given = {
        "pk": f"pk-{first}",
        "age": 30,
        "occupation": f"{first}'s occupation",
        "gender": "Woman",
        "gender_pronoun": "She/her",
        "public_info": f"{first}'s public info",
        "big_five": f"{first}'s big five",
        "personality_and_values": f"{first}'s values",
        "decision_making_style": f"{first}'s style",
        "secret": f"{first}'s secret",
        "mbti": "ISFJ",
    }
    return AgentProfile(first_name=first, last_name=last, **{**given, **fields})


def combo(size: int = 2, relationship: int = 3, **fields: object) -> Combo:
    names = NAMES[:size]
    scenario = {
        "pk": "scenario",
        "codename": "market",
        "scenario": "They meet at a market.",
        "agent_goals": tuple(f"the goal of {name}" for name in names),
        "relationship": relationship,
    }
    return Combo(
        environment=EnvironmentProfile(**{**scenario, **fields}), agents=tuple(character(name) for name in names)
    )


class InSeatOrder(Ordering):
    """All remaining agents, one after the other."""

    def in_turn(self, transcript: Transcript, random: object) -> Sequence[str]:
        last = transcript.events[-1].sender if transcript.events else transcript.names[-1]
        start = transcript.names.index(last) + 1
        circle = transcript.names[start:] + transcript.names[:start]
        return [name for name in circle if name in transcript.remaining][:1]


class Everyone(Ordering):
    """All remaining agents at once."""

    def in_turn(self, transcript: Transcript, random: object) -> Sequence[str]:
        return transcript.remaining


class After(ResponseEvaluator):
    """Ends the interaction at a turn."""

    turns: int = 4

    async def evaluate(self, transcript: Transcript, context: EvaluationContext) -> Verdict:
        over = transcript.turn >= self.turns or len(transcript.remaining) < 2
        return Verdict(terminated=over, comments=f"turn {transcript.turn}" if over else "")


class Fixed(TerminalEvaluator):
    """Gives everybody the same score."""

    score: float = 5
    name: str = "Manners"

    @property
    def dimensions(self) -> DimensionSet:
        return DimensionSet(name=self.name, dimensions=(Dimension(name="tact", low=0, high=10),))

    async def evaluate(self, transcript: Transcript, context: EvaluationContext) -> Mapping[str, Judgement]:
        given = Scored(scores={"tact": Score(value=self.score, reasoning="as ever")})
        return dict.fromkeys(transcript.names, given)


class Says(Agent):
    """Says its line, with the turn."""

    line: str = "hello"

    async def aact(self, observation: Observation) -> AgentAction:
        return AgentAction(action_type="speak", argument=f"{self.line} {observation.turn}")


def speak(text: str, *to: str) -> AgentAction:
    return AgentAction(action_type="speak", argument=text, to=to)


LEAVE = AgentAction(action_type="leave")
NOTHING = AgentAction(action_type="none")
