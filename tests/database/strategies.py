"""Hypothesis strategies: for every kind of record, records with anything in them that a record can hold."""

from __future__ import annotations

from hypothesis import strategies as st

from sotopia_core.annotations import AnnotationForEpisode, Annotator
from sotopia_core.custom_dimensions import CustomEvaluationDimension, CustomEvaluationDimensionList
from sotopia_core.episodes import EpisodeLog, Provenance, RunOwner, RunRecord, Turn
from sotopia_core.evaluation import Evaluation, Reward, Score, Scored, Unscored
from sotopia_core.messages import ACTION_TYPES, AgentAction, Background, Event, Observation, Participant
from sotopia_core.models import Usage
from sotopia_core.profiles import (
    AgentProfile,
    Combo,
    EnvAgentComboStorage,
    EnvironmentList,
    EnvironmentProfile,
    RelationshipProfile,
    RelationshipType,
)
from sotopia_core.transactions import MessageTransaction, SessionTransaction

AWKWARD = [
    "",
    " ",
    "\x00",
    "\r\n",
    "\n\n",
    "\u2028\u2029\x85\x0b\x0c\x1c",
    "\ufeff",
    "\ufffe\uffff",
    "\U0010ffff😀e\u0301",
    "null",
    "nan",
    "0",
    "-0.0",
    '"',
    "\\u0000",
    '{"pk": "x"}',
    "I <3 you, {goal} & <b>",
    ",;\t'",
]

texts = st.text(max_size=12) | st.sampled_from(AWKWARD)
words = st.text(min_size=1, max_size=12) | st.sampled_from([text for text in AWKWARD if text])
maybe_texts = st.none() | texts
floats = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([-0.0, 0.0, 5e-324, 1.7e308, 0.1 + 0.2])
amounts = floats.map(abs)
stored_numbers = st.integers(-(2**63) + 1, 2**63 - 1)
"""Whole numbers by which stores can find a record; fields that are not searched may hold larger ones."""
stored_counts = stored_numbers.map(abs)
counts = st.integers(min_value=0, max_value=10**20)


def tuples(items, max_size=3):
    return st.lists(items, max_size=max_size).map(tuple)


def dicts(values, max_size=3):
    return st.dictionaries(texts, values, max_size=max_size)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**40), 10**40) | floats | texts,
    lambda inner: st.lists(inner, max_size=3) | dicts(inner),
    max_leaves=12,
)


@st.composite
def deep(draw):
    """A value in which lists and tables stand some fifty deep in one another."""
    value = draw(json_values)
    for name in draw(st.lists(texts, min_size=45, max_size=55)):
        value = {name: value} if draw(st.booleans()) else [value]
    return value


constraints = st.none() | texts | st.lists(json_values, max_size=3)
relationships = st.sampled_from(RelationshipType)
rewards = tuples(st.none() | floats | st.tuples(floats, dicts(floats)))

agents = st.builds(
    AgentProfile,
    pk=words,
    first_name=texts,
    last_name=texts,
    age=st.none() | stored_numbers,
    occupation=texts,
    gender=texts,
    gender_pronoun=texts,
    public_info=texts,
    big_five=texts,
    moral_values=tuples(texts),
    schwartz_personal_values=tuples(texts),
    personality_and_values=texts,
    decision_making_style=texts,
    secret=texts,
    model_id=texts,
    mbti=texts,
    tag=texts,
)
environments = st.builds(
    EnvironmentProfile,
    pk=words,
    codename=texts,
    source=texts,
    scenario=texts,
    agent_goals=tuples(texts),
    relationship=relationships,
    age_constraint=constraints,
    occupation_constraint=constraints,
    agent_constraint=constraints,
    game_metadata=st.none() | dicts(json_values | deep()),
    tag=texts,
)
relationship_profiles = st.builds(
    RelationshipProfile,
    pk=words,
    agent_1_id=texts,
    agent_2_id=texts,
    relationship=relationships,
    background_story=maybe_texts,
    tag=texts,
)
combos = st.builds(EnvAgentComboStorage, pk=words, env_id=texts, agent_ids=tuples(texts))
environment_lists = st.builds(
    EnvironmentList, pk=words, name=texts, environments=tuples(texts), agent_index=st.none() | tuples(texts)
)
annotators = st.builds(Annotator, pk=words, name=texts, email=texts)
annotations = st.builds(
    AnnotationForEpisode, pk=words, episode=texts, annotator_id=texts, rewards=rewards, reasoning=texts
)
sessions = st.builds(
    SessionTransaction,
    pk=words,
    session_id=texts,
    client_id=texts,
    server_id=texts,
    client_action_lock=st.sampled_from(["no action", "action"]),
    message_list=tuples(st.builds(MessageTransaction, timestamp_str=texts, sender=texts, message=texts)),
)
dimensions = st.builds(
    CustomEvaluationDimension,
    pk=words,
    name=texts,
    description=texts,
    range_low=stored_numbers,
    range_high=stored_numbers,
)
dimension_lists = st.builds(CustomEvaluationDimensionList, pk=words, name=texts, dimension_pks=tuples(texts))


@st.composite
def played_combos(draw):
    """A scenario with a cast that fits it, as episodes keep what was played."""
    names = draw(st.lists(st.sampled_from(["Mia", "Zoë", "I <3 {x}", "Ben O'Hara"]), min_size=2, unique=True))
    scenario = draw(environments).model_copy(update={"agent_goals": tuple(draw(texts) for _ in names)})
    cast = tuple(draw(agents).model_copy(update={"first_name": name, "last_name": ""}) for name in names)
    known = draw(tuples(relationship_profiles, 2))
    return Combo.model_construct(environment=scenario, agents=cast, relationships=known, pk=draw(st.none() | words))


usages = st.builds(
    Usage, calls=counts, input_tokens=counts, output_tokens=counts, cost=st.none() | st.just(0.0) | amounts
)
actions = st.builds(AgentAction, action_type=st.sampled_from(ACTION_TYPES), argument=texts, to=tuples(texts, 2))
backgrounds = st.builds(
    Background,
    viewer=texts,
    scenario=texts,
    participants=tuples(st.builds(Participant, name=texts, profile=dicts(json_values, 2), goal=maybe_texts), 2),
)
observations = st.builds(
    Observation,
    turn=counts,
    agent=texts,
    background=st.none() | backgrounds,
    events=tuples(st.builds(Event, turn=counts, sender=texts, action=actions), 2),
    available_actions=tuples(st.sampled_from(ACTION_TYPES), 2),
    remaining=tuples(texts, 2),
)
turns = st.builds(Turn, number=counts, observations=dicts(observations, 2), actions=dicts(actions, 2))
judgements = st.builds(
    Scored,
    scores=dicts(st.builds(Score, value=floats, reasoning=texts), 2),
    overall=st.none() | floats,
    comments=texts,
) | st.builds(Unscored, reason=words, raw=maybe_texts)
evaluations = st.builds(
    Evaluation,
    evaluator=texts,
    dimension_set=texts,
    digest=texts,
    dimensions=dicts(st.none() | floats, 2),
    model=maybe_texts,
    judgements=dicts(judgements, 2),
)
outcomes = st.builds(Reward, overall=st.none() | floats, scores=dicts(st.none() | floats, 2), reasons=tuples(texts, 2))
provenances = st.builds(
    Provenance,
    fingerprint=texts,
    seed=counts,
    config_digest=texts,
    versions=dicts(texts, 2),
    prompts=dicts(texts, 2),
    dimensions=dicts(texts, 2),
    answered=dicts(tuples(texts, 2), 2),
    offline=st.booleans(),
)
outcome_of_playing = st.tuples(st.sampled_from(["scored", "unscored", "unjudged"]), st.none()) | st.tuples(
    st.just("failed"), texts
)


@st.composite
def episodes(draw):
    """Episodes with turns, as they are played here, with verbatim messages, as they are imported, or with neither."""
    status, cause = draw(outcome_of_playing)
    played = draw(st.booleans())
    messages = tuples(tuples(st.tuples(texts, texts, texts)))
    episode = EpisodeLog(
        pk=draw(words),
        environment=draw(texts),
        agents=draw(tuples(texts)),
        agent_names=draw(tuples(texts)),
        tag=draw(texts),
        models=draw(tuples(texts)),
        agent_classes=draw(tuples(texts)),
        run=draw(maybe_texts),
        draw=draw(st.none() | stored_counts),
        trial=draw(st.none() | stored_counts),
        mode=draw(texts),
        status=status,
        cause=cause,
        ended=draw(maybe_texts),
        turns=draw(tuples(turns)) if played else (),
        verbatim_messages=None if played else draw(st.none() | messages),
        evaluations=draw(tuples(evaluations, 2)),
        outcome=draw(dicts(outcomes, 2)),
        rewards=draw(rewards),
        reasoning=draw(texts),
        rewards_prompt=draw(texts),
        usage=draw(dicts(usages, 2)),
        spending=draw(dicts(dicts(usages, 2), 2)),
        provenance=draw(st.none() | provenances),
        started_at=draw(maybe_texts),
        seconds=draw(st.none() | amounts),
    )
    # Without validation, which the cast fulfils anyway: beartype draws from random there, which strategies may not.
    return episode.model_copy(update={"combo": draw(st.none() | played_combos())})


runs = st.builds(
    RunRecord,
    pk=words,
    name=texts,
    tag=texts,
    status=st.sampled_from(["running", "finished", "interrupted", "stopped", "cancelling", "cancelled"]),
    cause=maybe_texts,
    config=dicts(json_values),
    origins=dicts(texts, 2),
    versions=dicts(texts, 2),
    prompts=dicts(texts, 2),
    dimensions=dicts(texts, 2),
    components=dicts(texts, 2),
    owner=st.none() | st.builds(RunOwner, id=words, host=texts, process=counts, machine=texts, started=texts),
    planned=stored_counts,
    counts=st.dictionaries(st.sampled_from(["scored", "unscored", "unjudged", "failed"]), counts, max_size=4),
    usage=dicts(usages, 2),
    spending=dicts(dicts(usages, 2), 2),
    started_at=texts,
    finished_at=maybe_texts,
)

BY_KIND = {
    AgentProfile: agents,
    EnvironmentProfile: environments,
    RelationshipProfile: relationship_profiles,
    EnvAgentComboStorage: combos,
    EnvironmentList: environment_lists,
    EpisodeLog: episodes(),
    RunRecord: runs,
    AnnotationForEpisode: annotations,
    Annotator: annotators,
    SessionTransaction: sessions,
    CustomEvaluationDimension: dimensions,
    CustomEvaluationDimensionList: dimension_lists,
}
"""For every kind of record, a strategy for records of it."""
