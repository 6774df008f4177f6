"""Episodes made by hand, with just what analyses look at."""

from __future__ import annotations

from collections.abc import Sequence

from sotopia_core.episodes import EpisodeLog, Provenance, reward_entries
from sotopia_core.evaluation import Evaluation, Judgement, Score, Scored, Unscored, aggregate

TACT: dict[str, float | None] = {"tact": None, "goal": None}
DIGEST = "a" * 16


def judged(
    by: str, scores: Sequence[Sequence[float] | str], *, digest: str = DIGEST, name: str = "Manners"
) -> Evaluation:
    """What one judge made of an episode: for each seat its (tact, goal), or why there are none."""
    judgements: dict[str, Judgement] = {}
    for seat, given in enumerate(scores):
        if isinstance(given, str):
            judgements[f"agent {seat}"] = Unscored(reason=given)
        else:
            values = dict(zip(TACT, map(float, given), strict=True))
            judgements[f"agent {seat}"] = Scored(scores={k: Score(value=v) for k, v in values.items()})
    return Evaluation(
        evaluator="Judge[Manners]", dimension_set=name, digest=digest, dimensions=TACT, model=by, judgements=judgements
    )


def played(
    pk: str,
    models: tuple[str, ...],
    scores: Sequence[Sequence[float] | str] | None,
    *,
    scenario: str = "S1",
    judge: str = "judge",
    more: Sequence[Evaluation] = (),
    **fields: object,
) -> EpisodeLog:
    """An episode that was played here and judged so, or, without scores, by nobody."""
    evaluations = () if scores is None else (judged(judge, scores), *more)
    names = tuple(f"agent {seat}" for seat in range(len(models)))
    outcome = aggregate(evaluations, names)
    complete = bool(outcome) and all(reward.complete for reward in outcome.values())
    given = {
        "pk": pk,
        "environment": scenario,
        "agents": tuple(f"A{seat}" for seat in range(len(models))),
        "agent_names": names,
        "models": (judge, *models),
        "trial": 0,
        "status": "unjudged" if not evaluations else "scored" if complete else "unscored",
        "evaluations": evaluations,
        "outcome": outcome,
        "rewards": reward_entries(names, outcome),
        "provenance": Provenance(fingerprint="f", seed=0),
    }
    return EpisodeLog(**{**given, **fields})


def logged(pk: str, models: tuple[str, ...], rewards: tuple[object, ...], **fields: object) -> EpisodeLog:
    """An episode as a log of Sotopia has it."""
    given = {"pk": pk, "environment": "S1", "agents": ("A0", "A1"), "models": models, "rewards": rewards}
    return EpisodeLog(**{**given, "status": "scored", **fields})
