"""Episodes as people read them: the circumstances, what was said and done, what one agent was sent, the scores."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.cells import cell_len

from sotopia_core.agreement import Agreement, agreements
from sotopia_core.cli.layout import GAP, columns, facts, heading, paragraph, stacked, text_width
from sotopia_core.episodes import EpisodeLog, Rescoring, SimpleMessage, Turn, cast_of
from sotopia_core.evaluation import OVERALL, Scored
from sotopia_core.messages import ENVIRONMENT, NO_ACTION, Background, Event, describe_profile
from sotopia_core.models import Usage

MISSING: Final = "–"
"""Stands where a score is missing."""


def seats_of(episode: EpisodeLog) -> list[tuple[str, str]]:
    """Return each seat's agent and model; the model is empty where the log does not say which seat had which."""
    names = cast_of(episode)
    models = episode.models[1:] if len(episode.models) == len(names) + 1 else ("",) * len(names)
    return list(zip(names, models, strict=True))


def overall_scores(episode: EpisodeLog) -> dict[str, float | None]:
    """Return each agent's overall score, None where it is missing."""
    return {row.name: row.overall for row in _score_rows(episode)}


def number(value: float | None, *, mean: bool = False) -> str:
    """Write a score: whole numbers as such, all others, and every ``mean``, with two digits; a dash where missing."""
    if value is None:
        return MISSING
    return f"{value:.0f}" if value.is_integer() and not mean else f"{value:.2f}"


def describe_usage(usage: Usage) -> str:
    """Write what a number of model calls took."""
    parts = ["1 call" if usage.calls == 1 else f"{usage.calls:,} calls"]
    if usage.input_tokens or usage.output_tokens:
        parts.append(f"{usage.input_tokens:,} tokens in, {usage.output_tokens:,} out")
    if usage.cost != 0:
        parts.append("cost unknown" if usage.cost is None else f"${usage.cost:.4f}")
    return ", ".join(parts) if usage.calls else ""


def render_episode(episode: EpisodeLog, *, scenario: str = "", reasoning: bool = True, width: int | None = None) -> str:
    """Return an episode as text: its circumstances, backgrounds, interaction, scores, and the judges' ``reasoning``.

    ``scenario`` is the codename, if it is known. Lines are broken at ``width`` columns; without it at a terminal's
    width, and not at all where the output is no terminal.
    """
    room = text_width() if width is None else width
    sections = [
        ("Background", _backgrounds(episode, room)),
        ("Interaction", _interaction(episode, room)),
        ("Scores", render_scores(episode, width=room)),
        ("Reasoning", render_reasoning(episode, width=room) if reasoning else ""),
    ]
    return "\n\n".join(
        [
            f"Episode {episode.pk}\n{_circumstances(episode, scenario, room)}",
            *(f"{heading(title)}\n{text}" for title, text in sections if text),
        ]
    )


def render_rescoring(episode: EpisodeLog, rescoring: Rescoring, *, width: int | None = None) -> str:
    """Return the scores that other judges gave an episode, under who they are and when they gave them."""
    room = text_width() if width is None else width
    judges = ", ".join(dict.fromkeys(one.model or one.evaluator for one in rescoring.evaluations))
    judged = episode.model_copy(update={"outcome": rescoring.outcome, "evaluations": rescoring.evaluations})
    sets = ", ".join(dict.fromkeys(one.dimension_set for one in rescoring.evaluations))
    title = f"{sets} by {judges}, {moment(rescoring.judged_at)[:16]} UTC"
    return f"{heading(title)}\n{render_scores(judged, width=room)}"


def render_view(episode: EpisodeLog, name: str, *, width: int | None = None) -> str:
    """Return what one agent was sent, observation by observation, each under its turn, and nothing else."""
    return "\n\n".join(
        f"Turn {turn}\n{paragraph(text.rstrip(), first=GAP, rest=GAP, width=width)}"
        for turn, text in sent_to(episode, name)
    )


def sent_to(episode: EpisodeLog, name: str) -> Iterator[tuple[int, str]]:
    """Yield turn and text of everything that one agent was sent."""
    if episode.verbatim_messages is None:
        for turn in episode.turns:
            if name in turn.observations:
                yield turn.number, turn.observations[name].to_natural_language()
        return
    for position, messages in enumerate(episode.verbatim_messages):
        yield from ((position, text) for _, receiver, text in messages if receiver == name)


def view_document(episode: EpisodeLog, name: str) -> list[dict[str, Any]]:
    """Return what one agent was sent as JSON values: observations, or for imported episodes turns and texts."""
    if episode.verbatim_messages is not None:
        return [{"turn": turn, "agent": name, "text": text} for turn, text in sent_to(episode, name)]
    seen = (turn.observations[name] for turn in episode.turns if name in turn.observations)
    return [observation.model_dump(mode="json") for observation in seen]


def render_scores(episode: EpisodeLog, *, width: int | None = None) -> str:
    """Return the scores as a table: a row for each agent, a dash where one is missing, and below why.

    Where that is wider than ``width`` columns, dimensions make the rows. Without any score the text says why.
    """
    rows = _score_rows(episode)
    if not rows:
        return _why_none(episode)
    dimensions = list(dict.fromkeys(dimension for row in rows for dimension in row.scores))
    names = [*dimensions, OVERALL]
    cells = [
        [*(number(row.scores.get(dimension)) for dimension in dimensions), number(row.overall, mean=True)]
        for row in rows
    ]
    table = columns(
        [["", *header] for header in stacked([*map(_title, names)])]
        + [[row.name, *values] for row, values in zip(rows, cells, strict=True)]
    )
    if width is not None and max(map(cell_len, table.split("\n"))) > width:
        turned = zip(map(_title, names), zip(*cells, strict=True), strict=True)
        table = columns([["", *(row.name for row in rows)], *([title, *values] for title, values in turned)])
    missing = [
        paragraph(f"{row.name}: {reason}", first=GAP, rest=GAP * 3, width=width)
        for row in rows
        for reason in dict.fromkeys(row.reasons)
    ]
    lines = [table, "", "Missing scores:", *missing] if missing else [table]
    agreement = agreements(episode.evaluations)
    if agreement:
        lines += ["", "Agreement of the judges:", facts(described(agreement), width=width)]
    return "\n".join(lines)


def described(agreement: Mapping[str, Agreement]) -> list[tuple[str, str]]:
    """Return dimensions with how far the judges agree on each, in words."""
    return [(_title(dimension), str(one)) for dimension, one in agreement.items()]


def render_reasoning(episode: EpisodeLog, *, width: int | None = None) -> str:
    """Return what the judges gave as their reasons, agent by agent; empty where they gave none."""
    if not episode.evaluations:
        return paragraph(episode.reasoning.strip("\n"), first=GAP, rest=GAP, width=width) if episode.reasoning else ""
    return "\n\n".join(_reasoning(episode, name, width) for name in cast_of(episode))


def _title(dimension: str) -> str:
    return dimension.replace("_", " ")


@dataclass(frozen=True, slots=True)
class _ScoreRow:
    name: str
    scores: dict[str, float | None]
    overall: float | None
    reasons: tuple[str, ...] = ()


def _score_rows(episode: EpisodeLog) -> list[_ScoreRow]:
    names = cast_of(episode)
    if episode.outcome:
        rewards = [(name, episode.outcome.get(name)) for name in names]
        return [
            _ScoreRow(name, dict(reward.scores), reward.overall, reward.reasons)
            if reward is not None
            else _ScoreRow(name, {}, None, ("no reward was recorded",))
            for name, reward in rewards
        ]
    if episode.status in ("failed", "unjudged") and not any(entry is not None for entry in episode.rewards):
        return []
    rows = []
    for position, name in enumerate(names):
        entry = episode.rewards[position] if position < len(episode.rewards) else None
        if isinstance(entry, tuple):
            scores: dict[str, float | None] = {key: score for key, score in entry[1].items() if key != OVERALL}
            rows.append(_ScoreRow(name, scores, entry[0]))
        else:
            rows.append(_ScoreRow(name, {}, entry, () if entry is not None else ("the log gives no score",)))
    return rows


def _why_none(episode: EpisodeLog) -> str:
    if episode.status == "failed":
        return f"No scores: the episode failed ({' '.join((episode.cause or '').split())})."
    return "No scores: nobody was asked to judge."


def _circumstances(episode: EpisodeLog, scenario: str, width: int | None) -> str:
    usage = sum(episode.usage.values(), Usage())
    named = scenario not in ("", episode.environment)
    text = facts(
        [
            ("scenario", f"{scenario} ({episode.environment})" if named else episode.environment),
            ("agents", "\n".join(_seats(episode))),
            ("judge", episode.models[0] if episode.models else ""),
            ("mode", episode.mode),
            ("tag", episode.tag),
            ("run", _place_in_run(episode)),
            ("played", _when(episode)),
            ("usage", describe_usage(usage)),
            ("status", episode.status),
            ("cause", episode.cause or ""),
            ("ended", episode.ended or ""),
        ],
        width=width,
    )
    offline = episode.provenance is not None and episode.provenance.offline
    return f"{text}\n\n{GAP}Played with the offline stand-in, which is no language model." if offline else text


def _seats(episode: EpisodeLog) -> Iterator[str]:
    for position, (name, model) in enumerate(seats_of(episode)):
        classes = episode.agent_classes
        kind = classes[position] if position < len(classes) else ""
        played_by = ", ".join(part for part in dict.fromkeys((kind, model)) if part)
        yield f"{name} ({played_by})" if played_by else name


def _place_in_run(episode: EpisodeLog) -> str:
    if episode.run is None:
        return ""
    places = {"draw": episode.draw, "trial": episode.trial}
    return ", ".join([episode.run, *(f"{what} {value}" for what, value in places.items() if value is not None)])


def _when(episode: EpisodeLog) -> str:
    if episode.started_at is None:
        return ""
    seconds = "" if episode.seconds is None else f", {episode.seconds:.1f} s"
    return f"{moment(episode.started_at)} UTC{seconds}"


def moment(iso: str) -> str:
    """Write an ISO 8601 time of ours (UTC) as date and time to the second."""
    return iso[:19].replace("T", " ")


def _backgrounds(episode: EpisodeLog, width: int | None) -> str:
    if episode.verbatim_messages is not None:
        return _verbatim_backgrounds(episode.verbatim_messages[0] if episode.verbatim_messages else (), width)
    observations = episode.turns[0].observations if episode.turns else {}
    seen = [(name, observation.background) for name, observation in observations.items()]
    own = [(name, background) for name, background in seen if background is not None]
    if not own:
        return ""
    scenarios = dict.fromkeys(background.scenario for _, background in own)
    if len(scenarios) == 1:
        parts = [_labelled("Scenario", own[0][1].scenario, GAP, width)]
    else:  # marked passages make it another text for each viewer
        parts = [_labelled(f"Scenario, for {name}", background.scenario, GAP, width) for name, background in own]
    return "\n\n".join([*parts, *(_participant(name, background, width) for name, background in own)])


def _participant(name: str, background: Background, width: int | None) -> str:
    """Render somebody as they know themselves, which is the whole of their profile."""
    me = background.participant(name)
    known = [describe_profile({key: value}) for key, value in me.profile.items() if key != "secret"]
    lines = [paragraph(name, first=GAP, rest=GAP * 2)]
    lines += [paragraph(line, first=GAP * 2, rest=GAP * 3, width=width) for line in known if line]
    for label, text in (("secret", str(me.profile.get("secret", ""))), ("goal", me.goal or "")):
        lines += [_labelled(label, text, GAP * 2, width)] if text else []
    return "\n".join(lines)


def _verbatim_backgrounds(messages: Sequence[SimpleMessage], width: int | None) -> str:
    return "\n\n".join(
        f"{GAP}Sent to {receiver}:\n{paragraph(text.strip(), first=GAP * 2, rest=GAP * 2, width=width)}"
        for sender, receiver, text in messages
        if sender == ENVIRONMENT
    )


def _interaction(episode: EpisodeLog, width: int | None) -> str:
    if episode.verbatim_messages is None:
        taken = [(turn.number, _deeds(turn)) for turn in episode.turns]
    else:
        taken = [(turn, _verbatim_deeds(messages)) for turn, messages in enumerate(episode.verbatim_messages)]
    turns = [
        "\n".join([f"{GAP}Turn {turn}", *(paragraph(deed, first=GAP * 2, rest=GAP * 4, width=width) for deed in deeds)])
        for turn, deeds in taken
        if deeds
    ]
    return "\n\n".join(turns)


def _deeds(turn: Turn) -> list[str]:
    events = (Event(turn=turn.number, sender=name, action=action) for name, action in turn.actions.items())
    return [event.to_natural_language() for event in events]


def _verbatim_deeds(messages: Sequence[SimpleMessage]) -> list[str]:
    """Return what agents did in one turn of an imported log, which also says of all others that they did nothing."""
    nothing = NO_ACTION.to_natural_language()
    done = [(s, r, text) for s, r, text in messages if s != ENVIRONMENT]
    deeds = [f"{s}{'' if r == ENVIRONMENT else f' (to {r})'} {text}" for s, r, text in done if text != nothing]
    return deeds or (["nobody did anything"] if done else [])


def _labelled(label: str, text: str, indent: str, width: int | None) -> str:
    return paragraph(f"{label}: {text}", first=indent, rest=indent + GAP, width=width)


def _reasoning(episode: EpisodeLog, name: str, width: int | None) -> str:
    parts = []
    for evaluation in episode.evaluations:
        judgement = evaluation.judgements.get(name)
        model = f" ({evaluation.model})" if evaluation.model else ""
        lines = [paragraph(f"{name}, by {evaluation.evaluator}{model}", first=GAP, rest=GAP * 2, width=width)]
        if isinstance(judgement, Scored):
            scores = judgement.scores.items()
            said = [(f"{_title(dimension)} {number(score.value)}", score.reasoning) for dimension, score in scores]
            said += [("comments", judgement.comments)] if judgement.comments else []
        else:
            said = [("unscored", judgement.reason if judgement else "no judgement")]
        lines += [_labelled(label, text or "no reasoning given", GAP * 2, width) for label, text in said]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)
