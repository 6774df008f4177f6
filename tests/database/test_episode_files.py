"""Episodes off files: our own, logs of Sotopia, those of its exporter, and logs of games."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sotopia_core.database.episodes_in_files import native_episode
from sotopia_core.database.exporting import write_json, write_jsonl
from sotopia_core.database.files import read_records
from sotopia_core.episodes import EpisodeLog
from sotopia_core.errors import RecordError
from tests.cli.kept import BOTH_SCORED, LEO_UNSCORED, episode, imported
from tests.database.strategies import BY_KIND

SHARED = Path(__file__).parents[2] / "../shared/data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the published data sets in ../shared/data are not here")

ANN, BOB, CLEO = "Ann Lee", "Bob Ray", "Cleo Fox"
MESSAGES = [
    [
        ["Environment", ANN, "Ann knows this."],
        ["Environment", BOB, "Bob knows that."],
        [ANN, "Environment", 'said: "Hello {goal} <b>"'],
        [BOB, "Environment", "did nothing"],
    ],
    [["Environment", ANN, "Turn #0"], ["Environment", BOB, "Turn #0"]],
]
FULL = [3.5, {"goal": 8.0, "secret": -1.0, "overall_score": 3.5}]
POOR = [0.0, {"goal": 0.0, "secret": 0.0, "overall_score": 0.0}]
LOG = {
    "pk": "P1",
    "environment": "E1",
    "agents": ["A1", "A2"],
    "tag": "pilot",
    "models": ["gpt-4", "gpt-4", "localhost"],
    "messages": MESSAGES,
    "reasoning": "Environment comments: ...",
    "rewards": [FULL, POOR],
    "rewards_prompt": "Prompt after formatting: ...",
}
EXPORTED = {
    "episode_id": "P1",
    "environment_id": "E1",
    "agent_ids": ["A1", "A2"],
    "experiment_tag": "pilot",
    "experiment_model_name_pairs": ["gpt-4", "gpt-4", "localhost"],
    "raw_messages": MESSAGES,
    "raw_rewards": [FULL, POOR],
    "raw_rewards_prompt": "Prompt after formatting: ...",
    "scenario": "At a market.",
    "codename": "market",
    "agents_background": {ANN: "Ann.", BOB: "Bob."},
    "social_goals": {ANN: "Buy.", BOB: "Sell."},
    "social_interactions": 'Ann Lee said: "Hello {goal} <b>"',
    "reasoning": "Environment comments: ...",
    "rewards": [FULL[1], POOR[1]],
    "scores": {ANN: 8.0, BOB: 0.0},
}


@pytest.fixture
def read(tmp_path):
    def read(*values):
        path = tmp_path / "episodes.jsonl"
        path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
        return [found.record for found in read_records(path)]

    return read


def as_json(value):
    return json.loads(json.dumps(value))


class TestLogsOfSotopia:
    def test_everything_is_kept_verbatim(self, read):
        (log,) = read(LOG)
        assert (log.pk, log.environment, log.agents, log.tag) == ("P1", "E1", ("A1", "A2"), "pilot")
        assert log.models == ("gpt-4", "gpt-4", "localhost")
        assert as_json(log.messages) == MESSAGES
        assert log.turns == ()
        assert as_json(log.rewards) == [FULL, POOR]
        assert log.reasoning == LOG["reasoning"]
        assert log.rewards_prompt == LOG["rewards_prompt"]

    def test_names_are_those_in_the_messages_by_seat(self, read):
        assert read(LOG)[0].agent_names == (ANN, BOB)

    def test_there_are_no_names_where_the_messages_do_not_tell_whose_seat_is_whose(self, read):
        assert read({**LOG, "agents": ["A1", "A2", "A3"]})[0].agent_names == ()

    def test_the_exporters_form_is_the_same_episode(self, read):
        log, exported = read(LOG, EXPORTED)
        assert exported == log

    def test_any_number_of_agents_may_take_part(self, read):
        messages = [[["Environment", name, "..."] for name in (ANN, BOB, CLEO)]]
        (log,) = read({**LOG, "agents": ["A1", "A2", "A3"], "messages": messages, "rewards": [FULL, POOR, FULL]})
        assert (log.agent_names, log.status, len(log.rewards)) == ((ANN, BOB, CLEO), "scored", 3)

    def test_what_other_programs_leave_null_is_empty(self, read):
        (log,) = read({**LOG, "tag": None, "models": None})
        assert (log.tag, log.models) == ("", ())

    def test_an_episode_without_a_pk_has_one_that_stays(self, read):
        nameless = {name: value for name, value in LOG.items() if name != "pk"}
        assert read(nameless) == read(nameless)


class TestScores:
    @pytest.mark.parametrize(
        ("rewards", "status", "kept"),
        [
            ([FULL, POOR], "scored", [FULL, POOR]),
            ([FULL, 0.0], "unscored", [FULL, None]),
            ([0.0, 0.0], "unscored", [None, None]),
            ([0, FULL], "unscored", [None, FULL]),
            ([FULL, None], "unscored", [FULL, None]),
            ([FULL], "unscored", [FULL]),
            ([], "unjudged", []),
            ([1.0, -1.0], "scored", [1.0, -1.0]),
            ([1.0, 0.0], "scored", [1.0, 0.0]),
        ],
        ids=str,
    )
    def test_a_bare_zero_is_a_failed_judgement_unless_it_is_a_games_outcome(self, read, rewards, status, kept):
        (log,) = read({**LOG, "rewards": rewards})
        assert log.status == status
        assert as_json(log.rewards) == kept

    def test_what_stood_in_the_place_of_a_missing_score_is_said(self, read):
        zero, null = read({**LOG, "rewards": [FULL, 0.0]}, {**LOG, "pk": "P2", "rewards": [None, POOR]})
        assert zero.outcome[BOB].reasons == (
            "the log has 0.0 in its place, by which Sotopia marks that scoring failed",
        )
        assert zero.outcome[ANN].overall == 3.5
        assert zero.outcome[ANN].scores == {"goal": 8.0, "secret": -1.0}
        assert null.outcome[ANN].reasons == ("the log gives no score",)
        assert null.outcome[BOB].overall == 0.0

    def test_a_score_of_zero_with_dimensions_stays_a_score(self, read):
        assert as_json(read({**LOG, "rewards": [POOR, POOR]})[0].rewards) == [POOR, POOR]

    def test_our_own_files_keep_a_bare_zero(self, read):
        (log,) = read({**LOG, "rewards": [0.0, 0.0], "status": "scored"})
        assert (log.rewards, log.status) == ((0.0, 0.0), "scored")


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "text"),
        [
            ({"messages": [[["Environment", ANN]]]}, "messages[0][0]: missing entry 2, counted from 0"),
            ({"messages": "Ann spoke."}, "messages: expected a list, found 'Ann spoke.'"),
            ({"rewards": [[3.5, {"goal": "high"}], None]}, "rewards[0][1].goal: expected a number, found 'high'"),
            ({"rewards": [True, False]}, "rewards: expected scores, found true or false among them"),
            ({"agents": "A1"}, "agents: expected a list, found 'A1'"),
            ({"voice": "low"}, "unknown key 'voice'"),
            ({"status": "failed"}, "an episode has a cause exactly where its status is 'failed'"),
            ({"raw_rewards": [FULL]}, "missing key 'raw_messages'; what the exporter derived from it does not replace"),
        ],
        ids=lambda changes: next(iter(changes)) if isinstance(changes, dict) else "",
    )
    def test_what_cannot_be_read_is_named(self, read, changes, text):
        with pytest.raises(RecordError) as caught:
            read({**LOG, **changes})
        assert "episodes.jsonl, line 1: " in str(caught.value)
        assert text in str(caught.value)

    def test_exported_scores_that_contradict_the_raw_ones_are_refused(self, read):
        with pytest.raises(RecordError, match=r"rewards\[1\]: is not what raw_rewards\[1\] holds; keep one of them"):
            read({**EXPORTED, "rewards": [FULL[1], {"goal": 9.0}]})

    def test_the_exporters_names_stand_in_its_errors(self, read):
        with pytest.raises(RecordError, match=r"line 1: environment_id: expected text, found 5"):
            read({**EXPORTED, "environment_id": 5})


def move(turn, player, action, argument="", told=""):
    response = json.dumps({"action_type": action, "argument": argument})
    prompt = [{"role": "user", "content": f"You are {player}.\n\nConversation Starts:\n{told}\n\nAct."}]
    return {
        "turn_number": turn,
        "agent_name": player,
        "model_name": f"m-{player}",
        "prompt": prompt,
        "response": response,
    }


WOLVES = "\nTurn #0: The game begins!\nAda: [action] kill Eve\n"
OTHERS = "\nTurn #0: The game begins!\n"
GAME = {
    "pk": "G1",
    "tag": "werewolf",
    "model_mapping": {name: f"m-{name}" for name in ("Ada", "Bea", "Cyd", "Eve")},
    "rewards": [1.0, 1.0, 0.0, -1.0],
    "turns": [
        move(0, "Ada", "action", "kill Eve"),
        move(1, "Bea", "action", "wait", told=WOLVES),
        move(2, "Cyd", "action", "inspect Ada", told=OTHERS + "\nTurn #1: Night goes on.\n"),
        {**move(3, "Eve", "speak", told=OTHERS + "\nTurn #1: \n\nTurn #2: \n"), "response": "I am out of words"},
        move(4, "Ada", "speak", 'I saw "nothing".', told=WOLVES + "\nTurn #1: Bea: [action] wait\n\nTurn #2: \n"),
        move(
            4, "Bea", "none", told=WOLVES + "\nTurn #1: Bea: [action] wait\n\nTurn #2: \n\nTurn #3: Eve: did nothing\n"
        ),
    ],
}


class TestGames:
    def test_a_game_is_an_episode_of_its_players_with_bare_outcomes(self, read):
        (log,) = read(GAME)
        assert (log.pk, log.tag, log.environment) == ("G1", "werewolf", "")
        assert log.agents == log.agent_names == ("Ada", "Bea", "Cyd", "Eve")
        assert log.models == ("", "m-Ada", "m-Bea", "m-Cyd", "m-Eve")
        assert log.rewards == (1.0, 1.0, 0.0, -1.0)
        assert log.status == "scored"
        assert log.turns == ()

    def test_a_turn_holds_what_players_were_sent_and_then_what_they_did(self, read):
        (log,) = read(GAME)
        assert len(log.messages) == 5
        sent = [message for message in log.messages[4] if message[0] == "Environment"]
        assert [receiver for _, receiver, _ in sent] == ["Ada", "Bea"]
        assert [text for *_, text in sent] == [move["prompt"][0]["content"] for move in GAME["turns"][4:]]
        assert log.messages[4][2:] == (
            ("Ada", "Environment", 'said: "I saw "nothing"."'),
            ("Bea", "Environment", "did nothing"),
        )

    def test_what_some_were_told_and_others_not_is_addressed_to_those(self, read):
        (log,) = read(GAME)
        assert log.messages[0][-1] == ("Ada", "Bea", "[action] kill Eve")

    def test_what_nobody_was_told_is_the_players_own(self, read):
        (log,) = read(GAME)
        assert log.messages[2][-1] == ("Cyd", "Cyd", "[action] inspect Ada")

    def test_a_reply_that_is_no_action_is_kept_and_does_nothing(self, read):
        (log,) = read(GAME)
        assert log.messages[3][-2:] == (("Eve", "Eve", "I am out of words"), ("Eve", "Environment", "did nothing"))

    def test_messages_of_other_roles_say_so(self, read):
        turn = {
            **GAME["turns"][0],
            "prompt": [{"role": "system", "content": "Play."}, {"role": "user", "content": "Go."}],
        }
        (log,) = read({**GAME, "turns": [turn]})
        assert [text for *_, text in log.messages[0]][:2] == ["[system] Play.", "Go."]

    def test_a_game_without_outcomes_is_unjudged(self, read):
        assert read({**GAME, "rewards": []})[0].status == "unjudged"

    def test_a_draw_is_an_outcome(self, read):
        (log,) = read({**GAME, "rewards": [0.0] * 4})
        assert (log.rewards, log.status) == ((0.0,) * 4, "scored")

    @pytest.mark.parametrize(
        ("changes", "text"),
        [
            ({"rewards": [1.0]}, "there are 1 rewards for 4 players"),
            ({"turns": [{**GAME["turns"][0], "agent_name": "Zoe"}]}, "turns[0]: 'Zoe' is not among the players"),
            (
                {"turns": [{**GAME["turns"][0], "model_name": "x"}]},
                "turns[0]: the model is not the one that model_mapping",
            ),
            ({"turns": [{**GAME["turns"][0], "mood": 1}]}, "turns[0]: unknown key 'mood'"),
            ({"roles": {}}, "unknown key 'roles'"),
        ],
        ids=lambda changes: next(iter(changes)) if isinstance(changes, dict) else "",
    )
    def test_a_game_that_does_not_fit_together_is_refused(self, read, changes, text):
        with pytest.raises(RecordError) as caught:
            read({**GAME, **changes})
        assert text in str(caught.value)


class TestOurOwn:
    @pytest.mark.parametrize(
        "one", [episode(judgements=BOTH_SCORED), episode(judgements=LEO_UNSCORED), episode(), imported()], ids=str
    )
    def test_an_episode_comes_back_from_every_form(self, tmp_path, one):
        write_jsonl([one], tmp_path / "a.jsonl")
        write_json([one], tmp_path / "a.json")
        (tmp_path / "dumped.jsonl").write_text(one.model_dump_json() + "\n", encoding="utf-8")
        shown = {**one.model_dump(mode="json"), "messages": one.messages}
        (tmp_path / "shown.json").write_text(json.dumps(shown, indent=2), encoding="utf-8")
        for name in ("a.jsonl", "a.json", "dumped.jsonl", "shown.json"):
            assert [found.record for found in read_records(tmp_path / name)] == [one]

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(one=BY_KIND[EpisodeLog], spaced=st.booleans())
    def test_the_shorter_way_reads_what_the_longer_reads(self, one, spaced, tmp_path_factory):
        path = tmp_path_factory.mktemp("ways") / "one.json"
        text = json.dumps(one.model_dump(mode="json"), ensure_ascii=False) if spaced else one.model_dump_json()
        short = native_episode(text.encode())
        path.write_text(f"[{text}]", encoding="utf-8")  # a list is decoded as JSON first
        (long,) = read_records(path)
        assert long.record == one
        assert short is None or short.record == one

    def test_ordinary_episodes_are_read_the_shorter_way(self):
        for one in (episode(judgements=BOTH_SCORED), imported(), imported(reasoning='she wrote {"goal": 1}: "x":')):
            assert native_episode(one.model_dump_json().encode()).record == one
            assert native_episode(json.dumps(one.model_dump(mode="json")).encode()).record == one

    @pytest.mark.parametrize(
        ("before", "after", "text"),
        [
            ('"tag":"spring"', '"tag":"spring","tag":"autumn"', "the key 'tag' stands twice in one object"),
            ('"age":30', '"age":30,"age":31', "the key 'age' stands twice in one object"),
            ('"age":30', '"age":NaN', "NaN is no number in JSON"),
            ('"age":30', '"age":1e999', "the number '1e999' is too large"),
            ('"draw":0', '"draw":true', "draw: expected a number, found true"),
            ('"tag":"spring"', '"tag":"\\ud800"', "the escape \\ud800 is half a character"),
            ('"tag":"spring"', '"tag":"spring","tga":"x"', "unknown key 'tga'; did you mean 'tag'?"),
        ],
    )
    def test_the_shorter_way_lets_nothing_pass_that_the_longer_refuses(self, tmp_path, before, after, text):
        line = episode(judgements=BOTH_SCORED).model_dump_json()
        assert before in line
        path = tmp_path / "one.jsonl"
        path.write_text(line.replace(before, after, 1) + "\n", encoding="utf-8")
        with pytest.raises(RecordError) as caught:
            list(read_records(path))
        assert text in str(caught.value)


@needs_shared
class TestPublishedEpisodes:
    @pytest.mark.parametrize(
        ("name", "count", "status"),
        [
            ("episodes/episode_logs.jsonl", 5, "scored"),
            ("episodes/exported_episodes.jsonl", 5, "scored"),
            ("oddities/double_encoded_episode.json", 1, "scored"),
            ("games/werewolf_1.json", 1, "scored"),
            ("games/werewolf_2.json", 1, "scored"),
            ("games/werewolf_3.json", 1, "scored"),
        ],
    )
    def test_every_episode_is_read(self, name, count, status):
        logs = [found.record for found in read_records(SHARED / name)]
        assert [(type(log), log.status) for log in logs] == [(EpisodeLog, status)] * count
        assert all(len(log.agent_names) == len(log.agents) == len(log.rewards) for log in logs)

    @pytest.mark.parametrize(
        ("name", "messages", "rewards", "prompt"),
        [
            ("episode_logs.jsonl", "messages", "rewards", "rewards_prompt"),
            ("exported_episodes.jsonl", "raw_messages", "raw_rewards", "raw_rewards_prompt"),
        ],
    )
    def test_nothing_of_an_episode_is_lost(self, name, messages, rewards, prompt):
        path = SHARED / "episodes" / name
        written = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for found, there in zip(read_records(path), written, strict=True):
            log = found.record
            assert as_json(log.messages) == there[messages]
            assert as_json(log.rewards) == there[rewards]
            assert (log.reasoning, log.rewards_prompt) == (there["reasoning"], there[prompt])

    @pytest.mark.parametrize("number", [1, 2, 3])
    def test_nothing_of_a_game_is_lost(self, number):
        path = SHARED / f"games/werewolf_{number}.json"
        game = json.loads(path.read_text(encoding="utf-8"))
        (found,) = read_records(path)
        log = found.record
        assert dict(zip(log.agent_names, log.models[1:], strict=True)) == game["model_mapping"]
        assert list(log.rewards) == game["rewards"]
        texts = {text for turn in log.messages for *_, text in turn}
        for turn in game["turns"]:
            assert {prompt["content"] for prompt in turn["prompt"]} <= texts
            argument = (
                json.loads(turn["response"])["argument"] if turn["response"].startswith("{") else turn["response"]
            )
            assert any(argument in text for text in texts)

    def test_werewolves_kill_in_private_and_speak_in_public(self):
        (found,) = read_records(SHARED / "games/werewolf_1.json")
        deeds = [message for turn in found.record.messages for message in turn if message[0] != "Environment"]
        assert deeds[0] == ("Kevin", "Susan", "[action] kill Susan")
        assert deeds[1] == ("Susan", "Kevin", "[action] kill Laura")
        assert deeds[2] == ("Laura", "Laura", "[action] inspect Charlie")
        spoken = [(sender, receiver) for sender, receiver, text in deeds if text.startswith("said: ")]
        assert spoken == [(name, "Environment") for name in ("Kevin", "Susan", "Robert", "Gary")]
