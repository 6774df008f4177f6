"""``sotopia show``: one record; of an episode the circumstances, the interaction, the scores and the reasons."""

import json

import pytest
from rich.cells import cell_len

from sotopia_core.cli.transcript import render_episode, render_scores
from sotopia_core.episodes import EpisodeLog, Provenance
from sotopia_core.errors import InputError, NotFoundError
from sotopia_core.evaluation import Reward
from sotopia_core.messages import AgentAction
from tests.cli.kept import (
    BOTH_SCORED,
    LEO,
    LEO_UNSCORED,
    MIA,
    agent,
    ask,
    combo,
    episode,
    imported,
    keep,
    relationship,
    run,
    scenario,
    speak,
)

NOTHING = AgentAction(action_type="none")
LEAVE = AgentAction(action_type="leave")


def shown(tmp_path, record, *options, beside=()):
    return ask("show", record.pk, *options, "--store", keep(tmp_path, record, *beside)).stdout


def section(text, title):
    """The lines under a heading, up to the next."""
    lines = text.splitlines()
    start = lines.index(title) + 2
    ends = [number for number, line in enumerate(lines) if line.startswith("─") and number > start]
    return "\n".join(lines[start : ends[0] - 1] if ends else lines[start:]).strip("\n")


def words(line):
    return line.split()


def test_an_episode_begins_with_its_circumstances(tmp_path):
    text = shown(tmp_path, episode(judgements=BOTH_SCORED), beside=[scenario()])
    assert text.startswith(
        """\
Episode EPISODE-1
  scenario  bicycle_sale (ENV-1)
  agents    Mia Davis (LLMAgent, gpt-4o-mini)
            Leo Park (LLMAgent, llama-3)
  judge     gpt-4o
  mode      standard
  tag       spring
  run       RUN-1, draw 0, trial 2
  played    2025-03-01 10:20:30 UTC, 4.2 s
  status    scored
  ended     turn 2 reached the maximum of 2
"""
    )
    assert "offline" not in text


def test_a_scenario_that_the_store_does_not_hold_is_shown_by_its_pk(tmp_path):
    assert "\n  scenario  ENV-1\n" in shown(tmp_path, episode())


def test_an_episode_of_the_offline_stand_in_says_so(tmp_path):
    played = episode(provenance=Provenance(fingerprint="f", seed=1, offline=True))
    assert "\n  Played with the offline stand-in, which is no language model.\n" in shown(tmp_path, played)


def test_the_background_shows_each_agent_whole(tmp_path):
    text = section(shown(tmp_path, episode()), "Background")
    assert text == (
        """\
  Scenario: Two people meet over a bicycle.

  Mia Davis
    age: 30
    secret: Mia owes money.
    goal: Sell the bicycle.

  Leo Park
    age: 30
    secret: Leo cannot swim.
    goal: Buy the bicycle."""
    )


def test_the_interaction_is_shown_turn_by_turn_with_recipients_of_what_was_private(tmp_path):
    wave = AgentAction(action_type="non-verbal communication", argument="waves")
    played = episode((MIA, speak("Psst.", LEO)), (LEO, wave), (MIA, NOTHING), (LEO, LEAVE))
    assert section(shown(tmp_path, played), "Interaction") == (
        """\
  Turn 0
    Mia Davis (to Leo Park) said: "Psst."

  Turn 1
    Leo Park [non-verbal communication] waves

  Turn 2
    Mia Davis did nothing

  Turn 3
    Leo Park left the conversation"""
    )


def test_speech_cannot_pass_for_another_turn_or_another_speaker(tmp_path):
    played = episode((MIA, speak("Well...\n\n  Turn 1\n    Leo Park left the conversation")))
    assert section(shown(tmp_path, played), "Interaction") == (
        """\
  Turn 0
    Mia Davis said: "Well...

          Turn 1
            Leo Park left the conversation\""""
    )


@pytest.mark.parametrize(
    "speech", ["I <3 you", "{goal}", 'hi & <b> there"', "[red]did nothing[/red]", "家 🚲", r"\x1b"]
)
def test_speech_is_shown_exactly(tmp_path, speech):
    text = shown(tmp_path, episode((MIA, speak(speech))))
    assert f'Mia Davis said: "{speech}"\n' in text


def test_control_characters_are_shown_and_not_sent(tmp_path):
    text = shown(tmp_path, episode((MIA, speak("a\x1b[2Jb\x9bc\u202ed\re"))))
    assert r'said: "a\x1b[2Jb\x9bc\u202ed\x0de"' in text
    assert not {"\x1b", "\x9b", "\u202e", "\r"} & set(text)


def test_scores_are_a_row_an_agent_and_a_column_a_dimension(tmp_path):
    text = shown(tmp_path, episode(judgements=BOTH_SCORED))
    assert [words(line) for line in section(text, "Scores").splitlines()] == [
        ["overall"],
        ["tact", "goal", "score"],
        ["Mia", "Davis", "4", "8", "6.00"],
        ["Leo", "Park", "-1", "2", "0.50"],
    ]


def test_a_missing_score_is_a_dash_and_below_stands_why(tmp_path):
    text = shown(tmp_path, episode(judgements=LEO_UNSCORED))
    assert "  status    unscored\n" in text
    lines = section(text, "Scores").splitlines()
    assert words(lines[3]) == ["Leo", "Park", "–", "–", "–"]
    assert lines[4:] == ["", "Missing scores:", "  Leo Park: Judge[Manners]: the judge gave no answer"]


def test_the_judges_reasons_stand_by_agent_and_dimension(tmp_path):
    assert section(shown(tmp_path, episode(judgements=LEO_UNSCORED)), "Reasoning") == (
        """\
  Mia Davis, by Judge[Manners] (gpt-4o)
    tact 4: kind words
    goal 8: no reasoning given

  Leo Park, by Judge[Manners] (gpt-4o)
    unscored: the judge gave no answer"""
    )


def test_an_unjudged_episode_says_that_nobody_was_asked(tmp_path):
    text = shown(tmp_path, episode())
    assert section(text, "Scores") == "No scores: nobody was asked to judge."
    assert "Reasoning" not in text


def test_a_failed_episode_says_why_and_shows_what_was_played(tmp_path):
    failed = episode((MIA, speak("Hello.")), status="failed", cause="Leo Park (LLMAgent) failed at turn 1: no answer")
    text = shown(tmp_path, failed)
    assert "  status    failed\n  cause     Leo Park (LLMAgent) failed at turn 1: no answer\n" in text
    assert 'Mia Davis said: "Hello."' in text
    assert section(text, "Scores") == "No scores: the episode failed (Leo Park (LLMAgent) failed at turn 1: no answer)."


def test_an_episode_that_failed_before_its_first_turn_can_be_shown(tmp_path):
    text = shown(tmp_path, episode(turns=(), status="failed", cause="no server"))
    assert "no server" in text
    assert "Interaction" not in text


def test_an_imported_episode_is_shown_from_its_messages(tmp_path):
    text = shown(tmp_path, imported())
    assert "  agents    Mia Davis (gpt-4)\n            Leo Park (localhost)\n" in text
    assert section(text, "Background") == (
        """\
  Sent to Mia Davis:
    Here is the context, Mia.

  Sent to Leo Park:
    Here is the context, Leo."""
    )
    assert section(text, "Interaction") == (
        """\
  Turn 0
    Mia Davis said: "Hi <b>Leo</b>"

  Turn 1
    nobody did anything"""
    )
    scores = section(text, "Scores").splitlines()
    assert [words(line) for line in scores[2:4]] == [["Mia", "Davis", "4", "8", "6.00"], ["Leo", "Park", "–", "–", "–"]]
    assert scores[-1] == "  Leo Park: the log gives no score"
    assert "    Agent 1 comments:" not in section(text, "Reasoning")
    assert "  Agent 1 comments:\n  tact: kind words" in section(text, "Reasoning")


def test_a_games_bare_outcome_is_shown_as_the_overall_score():
    lines = render_scores(imported(rewards=(-1.0, 1.0))).splitlines()
    assert [words(line) for line in lines] == [
        ["overall"],
        ["score"],
        ["Mia", "Davis", "-1.00"],
        ["Leo", "Park", "1.00"],
    ]


def test_as_an_agent_shows_exactly_what_it_was_sent_and_nothing_else(tmp_path):
    played = episode((MIA, speak("Hello, Leo.", LEO)), (LEO, LEAVE), judgements=BOTH_SCORED)
    assert shown(tmp_path, played, "--as", LEO) == (
        """\
Turn 0
  Scenario: Two people meet over a bicycle.
  Participants: Mia Davis, Leo Park
  Leo Park:
    age: 30
    secret: Leo cannot swim.
  Mia Davis's goal: Unknown
  Leo Park's goal: Buy the bicycle.

Turn 1
  Turn #0: Mia Davis (to Leo Park) said: "Hello, Leo."

Turn 2
  Turn #1: Leo Park left the conversation
"""
    )


def test_as_an_agent_of_an_imported_episode_shows_the_messages_it_received(tmp_path):
    assert shown(tmp_path, imported(), "--as", MIA) == (
        """\
Turn 0
  Here is the context, Mia.

Turn 1
  Turn #0: Mia Davis said: "Hi <b>Leo</b>"

Turn 2
  Turn #1:
"""
    )


def test_as_nobody_who_took_part_is_refused_with_the_names(tmp_path):
    with pytest.raises(InputError, match=r"--as Mia Davies: takes no part in EPISODE-1; did you mean 'Mia Davis'\?"):
        shown(tmp_path, episode(), "--as", "Mia Davies")
    with pytest.raises(InputError, match="--as Bo: takes no part in EPISODE-1; the agents are Mia Davis, Leo Park"):
        shown(tmp_path, episode(), "--as", "Bo")


def test_as_is_refused_for_what_is_no_episode(tmp_path):
    with pytest.raises(InputError, match="--as Mia Davis: AGENT-Mia is no episode but of the kind AgentProfile"):
        shown(tmp_path, agent(MIA), "--as", MIA)


def test_json_is_the_whole_record_and_its_messages(tmp_path):
    played = episode(judgements=BOTH_SCORED)
    told = json.loads(shown(tmp_path, played, "--json"))
    messages = told.pop("messages")
    assert EpisodeLog.model_validate(told) == played
    assert messages[0][2] == [MIA, "Environment", 'said: "Hello, Leo."']
    assert len(messages) == 3


def test_json_as_an_agent_is_an_array_of_its_observations(tmp_path):
    played = episode((MIA, speak("Hello.")))
    told = json.loads(shown(tmp_path, played, "--as", LEO, "--json"))
    assert told == [turn.observations[LEO].model_dump(mode="json") for turn in played.turns]
    told = json.loads(shown(tmp_path, imported(), "--as", LEO, "--json"))
    assert told[0] == {"turn": 0, "agent": LEO, "text": "Here is the context, Leo."}


def test_a_run_is_shown_with_what_it_cost_and_its_run_file(tmp_path):
    text = shown(tmp_path, run(status="stopped", cause="no key"))
    assert text.startswith(
        """\
Run RUN-1
  name      pilot
  tag       spring
  status    stopped
  cause     no key
  episodes  2 scored, 1 failed of 3
"""
    )
    assert "  usage     agents: 12 calls, 3,400 tokens in, 560 out, $0.0123\n" in text
    assert json.loads(section(text, "Run file, resolved")) == {"run": {"seed": 7}}


def test_a_cost_that_is_not_known_is_not_shown_as_nothing(tmp_path):
    usage = {"agents": {"calls": 2, "cost": None}}
    assert "2 calls, cost unknown" in shown(tmp_path, run(usage=usage))


def test_profiles_are_shown_field_by_field(tmp_path):
    assert shown(tmp_path, agent(MIA, moral_values=("Care", "Loyalty"), secret="Owes\nmoney.")) == (
        """\
Agent AGENT-Mia
  name          Mia Davis
  age           30
  moral values  Care, Loyalty
  secret        Owes
                money.
"""
    )
    text = shown(tmp_path, scenario(game_metadata={"rounds": 2}))
    assert "  relationship    friend\n  goal of seat 0  Sell the bicycle.\n  goal of seat 1  Buy the bicycle.\n" in text
    assert '  game metadata   {"rounds": 2}\n' in text


def test_references_are_shown_by_name_and_pk(tmp_path):
    assert shown(tmp_path, combo(), beside=[agent(MIA), scenario()]) == (
        """\
Combo COMBO-1
  scenario  bicycle_sale (ENV-1)
  agents    Mia Davis (AGENT-Mia)
            AGENT-Leo
"""
    )
    text = shown(tmp_path, relationship(), beside=[agent(MIA), agent(LEO)])
    assert "  agent 1       Mia Davis (AGENT-Mia)\n  agent 2       Leo Park (AGENT-Leo)\n" in text


def test_a_pk_that_nothing_has_is_refused_with_the_store(tmp_path):
    url = keep(tmp_path, agent(MIA))
    with pytest.raises(NotFoundError, match=r"nothing in sqlite:///.*kept\.db has the pk 'NOPE'"):
        ask("show", "NOPE", "--store", url)


def test_lines_are_broken_at_the_width_and_lose_no_words():
    speech = " ".join(f"word{number}" for number in range(60)) + " 家庭" * 30
    played = episode((MIA, speak(speech)), judgements=BOTH_SCORED)
    text = render_episode(played, width=60)
    assert max(map(cell_len, text.splitlines())) <= 60
    assert section(text, "Interaction").split()[5:] == f'"{speech}"'.split()
    continued = section(text, "Interaction").splitlines()[2:]
    assert all(line.startswith(" " * 8) and line[8] != " " for line in continued)


def test_scores_too_wide_for_the_terminal_have_the_dimensions_in_rows():
    scores = {f"dimension_number_{number}": float(number) for number in range(9)}
    outcome = {name: Reward(overall=None if name == LEO else 4.0, scores=scores, reasons=()) for name in (MIA, LEO)}
    played = episode(judgements=BOTH_SCORED).model_copy(update={"outcome": outcome})
    wide = render_scores(played).splitlines()
    assert words(wide[-2])[:3] == ["Mia", "Davis", "0"]
    tall = render_scores(played, width=80).splitlines()
    assert words(tall[0]) == ["Mia", "Davis", "Leo", "Park"]
    assert words(tall[2]) == ["dimension", "number", "1", "1", "1"]
    assert words(tall[-1]) == ["overall", "score", "4.00", "–"]
