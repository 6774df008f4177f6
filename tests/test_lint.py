"""Lint: what each rule finds and what it leaves alone, in examples, in the starter pack and in published data."""

import json
import time
from pathlib import Path
from random import Random

import pytest

from sotopia_core.errors import RecordError
from sotopia_core.lint import RULES, Subjects, lint, read_files, read_store
from sotopia_core.lint.report import document, summary
from sotopia_core.profiles import AgentProfile, EnvAgentComboStorage, EnvironmentProfile, RelationshipProfile
from sotopia_packs.plugin import sotopia_packs
from sotopia_storage.memory import Memory

SHARED = Path(__file__).parents[1] / "../shared/data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the published data sets in ../shared/data are not here")

ANN = {"pk": "A", "first_name": "Ann", "last_name": "Lee", "age": 30, "occupation": "Chef", "secret": "Cannot swim."}
BOB = {"pk": "B", "first_name": "Bob", "last_name": "Ray", "age": 40, "occupation": "Nurse", "secret": "Cannot read."}
BOAT = {"pk": "E", "codename": "boat", "scenario": "Two meet in a harbour.", "agent_goals": ["Sell it.", "Buy it."]}
COMBO = {"pk": "C", "env_id": "E", "agent_ids": ["A", "B"]}
FRIENDS = {"pk": "R", "agent_1_id": "A", "agent_2_id": "B", "relationship": "friend"}


@pytest.fixture
def found(tmp_path):
    """Write records to a file, lint it, and return the findings."""

    def found(*records, name="records.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        return lint(read_files([str(path)], tmp_path))

    return found


@pytest.fixture
def told(found, tmp_path):
    """Lint records and return what is said, rule by rule, with the file's name in place of its path."""

    def told(*records):
        return [(one.rule, one.message.replace(f"{tmp_path}/", "")) for one in found(*records)]

    return told


class TestRules:
    def test_names_are_unique_and_everything_is_explained(self):
        assert len({rule.name for rule in RULES}) == len(RULES)
        assert all(rule.about and rule.example for rule in RULES)

    @pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
    def test_the_example_of_a_rule_is_found_by_it_and_by_no_other(self, rule, tmp_path):
        path = tmp_path / "example.jsonl"
        path.write_text(rule.example, encoding="utf-8")
        findings = lint(read_files([str(path)], tmp_path))
        assert {(finding.rule, finding.severity) for finding in findings} == {(rule.name, rule.severity)}
        assert all(len(str(finding).splitlines()) == 1 for finding in findings)

    def test_what_is_well_made_is_left_alone(self, told):
        assert told(ANN, BOB, BOAT, COMBO, FRIENDS) == []


class TestFields:
    def test_a_character_without_a_name(self, told):
        nameless = {**ANN, "first_name": " ", "last_name": ""}
        assert told(nameless) == [("no-name", "the character has no name; give it a first_name")]

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("Environment", "called 'Environment'; that name is reserved"),
            ("Ann\nLee", "whose name 'Ann\\nLee' spans lines; a name is one line"),
            ("Ann\u2028Lee", "whose name 'Ann\\u2028Lee' spans lines; a name is one line"),
        ],
    )
    def test_a_name_under_which_nobody_can_play(self, told, name, reason):
        assert told({**ANN, "first_name": name, "last_name": ""}) == [
            ("unplayable-name", f"this record has an agent {reason}")
        ]

    def test_a_character_without_age_or_secret(self, told):
        assert [rule for rule, _ in told({**ANN, "age": None, "secret": " \n"})] == ["no-age", "no-secret"]
        assert told({**ANN, "age": 0}) == []

    def test_a_scenario_that_says_nothing(self, told):
        assert told({**BOAT, "scenario": " "}) == [
            ("no-scenario", "the scenario is empty; say where the agents meet and why")
        ]
        marked = '<p viewer="agent_0">You are early.</p>'
        assert told({**BOAT, "scenario": marked}) == [
            ("no-scenario", "the agent in seat 1 may read no part of the scenario; write something for all")
        ]

    def test_a_goal_that_its_owner_cannot_read(self, told):
        message = "the agent in seat 1 is given no goal; write one"
        assert told({**BOAT, "agent_goals": ["Sell it.", ""]}) == [("no-goal", message)]
        hidden = '<p viewer="environment">Buy it.</p>'
        assert told({**BOAT, "agent_goals": ["Sell it.", hidden]}) == [("no-goal", message)]
        assert told({**BOAT, "agent_goals": ["Sell it.", "<extra_info>Buy it.</extra_info>"]}) == []

    def test_a_scenario_for_fewer_than_two(self, told):
        message = "the scenario has 1 of at least 2 goals; write one for each seat"
        assert told({**BOAT, "agent_goals": ["Sell it."]}) == [("too-few-goals", message)]


class TestMarks:
    def test_a_mark_that_does_not_pair_up(self, told):
        (finding,) = told({**BOAT, "scenario": "Two meet. <extra_info>It rains."})
        assert finding == (
            "malformed-mark",
            "scenario: <extra_info>: never closed; until it is mended, it is shown as text",
        )

    def test_a_mark_that_names_no_viewer(self, told):
        (finding,) = told({**BOAT, "agent_goals": ["Sell it.", "Buy it. <p viewer=agent_0>Cheap.<p>"]})[:1]
        assert finding[0] == "malformed-mark"
        assert finding[1].startswith("goal of seat 1: <p viewer=agent_0>: expected viewer=")

    @pytest.mark.parametrize(
        ("tag", "hint"),
        [
            ("<extra_inf>", "did you mean <extra_info>?"),
            ("</extra_inf>", "did you mean </extra_info>?"),
            ("<Extra_Info>", "did you mean <extra_info>?"),
            ("<extra-info>", "did you mean <extra_info>?"),
            ("< extra_info >", "did you mean <extra_info>?"),
            ("<strategyhint>", "did you mean <strategy_hint>?"),
            ("<P viewer='agent_1'>", 'did you mean <p viewer="agent_0">?'),
            ('<span viewer="agent_1">', 'did you mean <p viewer="agent_0">?'),
            ("<hint>", "marks are <p viewer=…>, <extra_info>, <clarification_hint>, <strategy_hint>"),
        ],
    )
    def test_a_tag_that_looks_like_a_mark(self, told, tag, hint):
        assert told({**BOAT, "agent_goals": [f"Sell it. {tag}Soon. {tag}", "Buy it."]}) == [
            ("unknown-mark", f"goal of seat 0: {tag} is no mark, and is shown as text; {hint}")
        ]

    @pytest.mark.parametrize("text", ["I <3 you", "hi & <b> there", "<role>", "a < p and q > r", "<br/>", "1 < info"])
    def test_other_angle_brackets_are_text(self, told, text):
        assert told({**BOAT, "agent_goals": [f"Sell it. {text}", "Buy it."]}) == []

    def test_a_passage_for_a_seat_that_is_not_there(self, told):
        passage = "<p viewer='agent_2'>You are late.</p>"
        assert told({**BOAT, "scenario": f"Two meet. {passage}"}) == [
            (
                "unknown-seat",
                "scenario: <p viewer='agent_2'> is for a seat that is not there; the seats are agent_0 to agent_1",
            )
        ]
        assert told({**BOAT, "scenario": "Two meet. <p viewer='agent_1'>You are late.</p>"}) == []


SELLER = "Sell the old boat to the buyer. <extra_info>Your lowest price is $540, since the hull leaks.</extra_info>"


class TestGoalsGivenAway:
    def goals(self, told, *goals, scenario="Two meet in a harbour."):
        return told({**BOAT, "scenario": scenario, "agent_goals": list(goals)})

    @pytest.mark.parametrize(
        "buyer",
        [
            "Buy it. The seller's goal: sell the old boat to the buyer.",
            "Buy it. <extra_info>They want to SELL the OLD boat, to the buyer!</extra_info>",
            "Buy it. They sell the old boat to the buyer.",
            "Buy it.\nSell the old boat to the buyer.",
            "Buy it. You have heard that your lowest price is $540, since the hull leaks.",
            "Buy it. Their lowest price is $540, since the hull leaks.",
            "Buy it. Their lowest price is $540, as you know.",
        ],
    )
    def test_a_goal_that_tells_another(self, told, buyer):
        (finding,) = self.goals(told, SELLER, buyer)
        assert finding[0] == "goal-in-goal"
        assert finding[1].startswith("the goal of seat 1 gives away that of seat 0: '")
        assert finding[1].endswith("; leave it out there, or put it in other words")

    @pytest.mark.parametrize(
        ("seller", "buyer"),
        [
            (SELLER, SELLER),
            (SELLER, "Buy the old boat from the seller. <extra_info>Your highest price is $640.</extra_info>"),
            (SELLER, "Buy it. <extra_info>Your lowest price is $540, since it is all you have.</extra_info>"),
            ("Get the most points.", "Get the most points while dividing fairly."),
            ("Get points. Do not tell your points to anybody.", "Get points. Do not tell your points to anybody."),
            ("Get points. A hat is worth 2 points to you.", "Get points. A hat is worth 3 points to you."),
            ("Buy a hat.", "Sell whatever you have, and buy a hat."),
        ],
        ids=["same", "counterpart", "same beginning", "longer", "same sentence", "other numbers", "too short to tell"],
    )
    def test_what_goals_have_in_common_tells_nothing(self, told, seller, buyer):
        assert self.goals(told, seller, buyer) == []

    def test_a_scenario_that_tells_a_goal(self, told):
        (finding,) = self.goals(told, SELLER, "Buy it.", scenario="Ann has come to sell her old boat to the buyer.")
        assert finding == (
            "goal-in-scenario",
            "the scenario gives away the goal of seat 0: 'sell her old boat to the buyer'; "
            'leave it out there, or mark it <p viewer="agent_0">',
        )

    def test_a_scenario_that_tells_what_is_marked_as_private(self, told):
        (finding,) = self.goals(told, SELLER, "Buy it.", scenario="The lowest price is $540, since the hull leaks.")
        assert finding[0] == "goal-in-scenario"
        assert self.goals(told, SELLER, "Buy it.", scenario="Two meet. Everybody knows that the hull leaks.") == []

    def test_what_only_its_owner_and_the_judge_read_gives_nothing_away(self, told):
        for viewer in ("agent_0", "environment"):
            scenario = f'Two meet. <p viewer="{viewer}">Ann has come to sell the old boat to the buyer.</p>'
            assert self.goals(told, SELLER, "Buy it.", scenario=scenario) == []
        scenario = 'Two meet. <p viewer="agent_1">Ann has come to sell the old boat to the buyer.</p>'
        assert [rule for rule, _ in self.goals(told, SELLER, "Buy it.", scenario=scenario)] == ["goal-in-scenario"]

    def test_what_all_goals_say_the_scenario_may_say(self, told):
        goal = "Agree on a price for the boat."
        assert self.goals(told, goal, goal, scenario="Two must agree on a price for the boat.") == []

    @pytest.mark.parametrize("words", [["boat"], ["boat", "hull", "price", "rain", "you", "they"], range(50)])
    def test_long_goals_of_one_sentence_are_read_in_time(self, told, words):
        random = Random(7)
        goals = [" ".join(str(random.choice(words)) for _ in range(20_000)) for _ in range(2)]
        began = time.monotonic()
        self.goals(told, *goals, scenario=goals[0][:5000])
        assert time.monotonic() - began < 20


class TestSecretsGivenAway:
    @pytest.mark.parametrize(
        "secret", ["Once robbed a small bank.", "She once robbed a small bank in the capital of her country"]
    )
    @pytest.mark.parametrize("field", ["public_info", "personality_and_values"])
    def test_a_secret_that_others_are_told(self, told, secret, field):
        told_of = told({**ANN, "secret": secret, field: "She sings. ANN ONCE ROBBED a small bank in the capital."})
        assert [rule for rule, _ in told_of] == ["secret-in-profile"]
        assert told_of[0][1].startswith(f"{field} gives away the secret: 'once robbed a small bank")

    def test_a_secret_that_the_scenario_tells(self, told):
        secret = {**ANN, "secret": "Once robbed a small bank."}
        told_of = told(secret, {**BOAT, "scenario": "Two meet, one of whom once robbed a small bank."})
        assert told_of == [
            (
                "secret-in-scenario",
                "the scenario gives away the secret of 'Ann Lee': 'once robbed a small bank'; leave it out there",
            )
        ]

    def test_other_words_give_nothing_away(self, told):
        told_of = told(
            {
                **ANN,
                "secret": "Once robbed a small bank.",
                "public_info": "Works in a small bank, and once met a robber.",
            },
            {**BOAT, "scenario": 'Two meet. <p viewer="environment">One once robbed a small bank.</p>'},
        )
        assert told_of == []


class TestConstraints:
    @pytest.mark.parametrize("found_in_files", ["[(18, 70), (18, 70)]", "nan", "none", None, [[18, 70], None]])
    def test_the_forms_that_files_have_are_fine(self, told, found_in_files):
        assert told({**BOAT, "age_constraint": found_in_files}) == []

    @pytest.mark.parametrize(
        ("constraint", "message"),
        [
            ({"age_constraint": "[(70, 18), nan]"}, "age_constraint: seat 0: nobody is from 70 to 18 years old"),
            ({"age_constraint": "[(18, 70)]"}, "age_constraint: expected an entry for each of the 2 seats, found 1"),
            ({"occupation_constraint": "actor"}, "occupation_constraint: expected a list with an entry for each seat"),
            ({"agent_constraint": [[], None]}, "agent_constraint: seat 0: an empty list admits nobody"),
        ],
    )
    def test_a_constraint_that_makes_no_sense(self, told, constraint, message):
        ((rule, said),) = told(ANN, {**BOAT, **constraint})
        assert rule == "malformed-constraint"
        assert said.startswith(message)

    def test_every_constraint_that_makes_no_sense_is_named(self, told):
        told_of = told({**BOAT, "age_constraint": "old", "occupation_constraint": "actor", "agent_constraint": "Ann"})
        assert [rule for rule, _ in told_of] == ["malformed-constraint"] * 3

    def test_a_constraint_that_nobody_fulfils(self, told):
        told_of = told(
            ANN, BOB, {**BOAT, "occupation_constraint": "[chef, actor]", "age_constraint": "[nan, (18, 70)]"}
        )
        assert told_of == [
            (
                "unmet-constraint",
                "seat 1 asks for age 18 to 70, occupation 'actor', and none of 2 characters will do; "
                "add some, or ask for less",
            )
        ]

    def test_a_constraint_that_too_few_fulfil(self, told):
        told_of = told(ANN, BOB, {**BOAT, "occupation_constraint": "[chef, chef]"})
        assert told_of == [
            (
                "unmet-constraint",
                "2 seats ask for occupation 'chef', and 1 of 2 characters will do; add some, or ask for less",
            )
        ]

    def test_constraints_are_only_held_against_characters_that_are_there(self, told):
        assert told({**BOAT, "occupation_constraint": "[actor, actor]"}) == []
        assert told(ANN, BOAT) == []

    def test_a_relationship_that_no_two_characters_have(self, told):
        family = {**BOAT, "relationship": "family_member"}
        message = "no two characters have the relationship family_member that the scenario asks for; add one"
        assert told(ANN, BOB, FRIENDS, family) == [("unmet-relationship", message)]
        assert told(ANN, BOB, family) == []
        assert told(ANN, BOB, FRIENDS, {**BOAT, "relationship": "friend"}) == []
        assert told(ANN, BOB, FRIENDS, {**BOAT, "relationship": "stranger"}) == []


class TestReferences:
    def test_a_combo_whose_cast_does_not_fit(self, told):
        cleo = {**BOB, "pk": "D", "first_name": "Cleo", "secret": "Cannot sing."}
        assert told(ANN, BOB, cleo, BOAT, {**COMBO, "agent_ids": ["A", "B", "D"]}) == [
            (
                "misfit-cast",
                "scenario 'boat' has 2 goals, and the combo seats 3 agents; it takes one agent a goal",
            )
        ]

    def test_a_combo_that_seats_somebody_twice(self, told):
        message = "the combo seats 'A' twice; nobody can meet somebody of their own name"
        assert told(ANN, BOAT, {**COMBO, "agent_ids": ["A", "A"]}) == [("misfit-cast", message)]

    def test_a_combo_that_seats_two_of_one_name(self, told):
        other = {**BOB, "pk": "B", "first_name": "Ann", "last_name": "Lee"}
        told_of = told(ANN, other, BOAT, COMBO)
        assert [rule for rule, _ in told_of] == ["same-name", "misfit-cast"]
        assert told_of[1][1] == "the combo seats 'Ann Lee' twice; nobody can meet somebody of their own name"

    def test_references_to_what_is_not_there(self, told):
        told_of = told(
            ANN,
            BOAT,
            {**COMBO, "env_id": "X", "agent_ids": ["A", "Y", "Z"]},
            {**FRIENDS, "agent_1_id": "Y"},
            {"name": "hard", "environments": ["E", *"STUVW"]},
        )
        here = "which is not here; add what is missing"
        them = "which are not here; add what is missing"
        assert told_of == [
            ("dangling-reference", f"it refers to the scenario 'X', {here}"),
            ("dangling-reference", f"it refers to the characters 'Y', 'Z', {them}"),
            ("dangling-reference", f"it refers to the characters 'Y', 'B', {them}"),
            ("dangling-reference", f"it refers to the scenarios 'S', 'T', 'U', … (5 in all), {them}"),
        ]

    def test_a_file_without_characters_may_refer_to_them(self, told):
        assert told(COMBO, FRIENDS) == []

    def test_a_store_must_hold_all_that_it_refers_to(self):
        with Memory().open() as store:
            store.put(EnvAgentComboStorage(pk="C", env_id="E", agent_ids=("A", "B")))
            assert [finding.rule for finding in lint(read_store(store))] == ["dangling-reference"] * 2


class TestDuplicates:
    def test_different_records_of_one_pk(self, told, found):
        told_of = told(ANN, {**ANN, "age": 31, "tag": "new"})
        assert told_of == [
            ("same-pk", "'A' is also the pk of records.jsonl, line 1, which differs in age, tag; keep one")
        ]
        assert found(ANN, {**ANN, "age": 31})[0].place.line == 2

    def test_one_pk_in_two_files(self, tmp_path):
        for name, age in (("a.jsonl", 30), ("b.jsonl", 31)):
            (tmp_path / name).write_text(json.dumps({**ANN, "age": age}), encoding="utf-8")
        (finding,) = lint(read_files(["*.jsonl"], tmp_path))
        assert str(finding) == (
            f"{tmp_path}/b.jsonl, line 1 ('Ann Lee'): error: 'A' is also the pk of {tmp_path}/a.jsonl, line 1, "
            "which differs in age; keep one [same-pk]"
        )

    def test_the_same_record_twice_is_one(self, told):
        assert told(ANN, ANN, BOAT, BOAT, {**BOAT, "env_id": "E"}) == []

    def test_one_name_twice(self, told):
        message = "records.jsonl, line 1 has the same name, and two of one name cannot meet; rename one"
        assert told(ANN, {**ANN, "pk": "B"}) == [("same-name", message)]

    def test_one_codename_and_scenario_twice(self, told):
        message = "records.jsonl, line 1 has the same codename and the same scenario; rename one, or delete it"
        other = {**BOAT, "pk": "F", "agent_goals": ["Keep it.", "Get it."]}
        assert told(BOAT, other) == [("same-scenario", message)]
        assert told(BOAT, {**other, "scenario": "Two meet on a pier."}) == []
        assert told(BOAT, {**other, "codename": "ship"}) == []

    def test_scenarios_of_one_text(self, told):
        message = "the scenario and all goals are word for word those of records.jsonl, line 1; change or delete one"
        assert told(BOAT, {**BOAT, "pk": "F", "codename": "ship", "tag": "t"}) == [("same-text", message)]

    def test_characters_of_one_text(self, told):
        told_of = told({**ANN, "public_info": "Has two\ncats."}, {**BOB, "public_info": "Has two cats."})
        assert told_of == [("same-text", "the public_info is word for word that of records.jsonl, line 1; change one")]

    def test_one_combo_twice(self, told):
        assert [rule for rule, _ in told(COMBO, {**COMBO, "pk": "D"})] == ["same-combo"]
        assert told(COMBO, {**COMBO, "pk": "D", "agent_ids": ["B", "A"]}) == []

    def test_one_pair_twice(self, told):
        turned = {"pk": "S", "agent_1_id": "B", "agent_2_id": "A", "relationship": "stranger"}
        assert told(FRIENDS, turned) == [
            (
                "same-pair",
                "records.jsonl, line 1 is about the same two characters (friend there and stranger here); "
                "a pair has one relationship, so delete one",
            )
        ]


class TestReading:
    def test_what_cannot_be_read_is_a_finding_and_the_rest_is_linted(self, found, tmp_path):
        first, second = found({"first_name": "Ann", "agge": 30}, {**ANN, "age": None})
        assert (first.rule, first.place.line, first.kind) == ("unreadable", 1, None)
        assert "unknown key 'agge'; did you mean 'age'?" in first.message
        assert (second.rule, second.place.line, second.kind, second.pk) == ("no-age", 2, "AgentProfile", "A")

    def test_a_file_that_is_no_file_of_records_is_a_finding(self, tmp_path):
        (tmp_path / "empty.jsonl").write_bytes(b"")
        (tmp_path / "wide.jsonl").write_bytes("\ufeff{}".encode("utf-16-le"))
        empty, wide = lint(read_files(["*.jsonl"], tmp_path))
        assert str(empty) == (
            f"{tmp_path}/empty.jsonl: error: is empty; expected records as JSON or JSONL [unreadable]"
        )
        assert "is UTF-16" in wide.message

    def test_a_name_that_matches_nothing_is_an_error(self, tmp_path):
        with pytest.raises(RecordError, match="no file matches 'nothing.jsonl'"):
            read_files(["nothing.jsonl"], tmp_path)

    def test_records_of_other_kinds_are_passed_over(self, tmp_path):
        (tmp_path / "other.jsonl").write_text('{"environment": "E", "agents": ["A"]}', encoding="utf-8")
        assert read_files(["other.jsonl"], tmp_path) == Subjects(())

    def test_findings_come_in_the_order_of_the_records(self, found):
        findings = found({**ANN, "age": None}, {**BOAT, "agent_goals": ["Sell it.", ""]}, {**BOB, "age": None})
        assert [finding.place.line for finding in findings] == [1, 2, 3]

    def test_findings_in_a_store_name_kind_and_pk(self):
        with Memory().open() as store:
            store.put(AgentProfile(pk="A", first_name="Ann", secret="Cannot swim."))
            (finding,) = lint(read_store(store))
        assert str(finding).startswith("AgentProfile A ('Ann'): warning: the character has no age")

    def test_large_pools_are_linted_in_time(self):
        with Memory().open() as store:
            people = [
                AgentProfile(
                    pk=f"A{n}", first_name=f"Ann {n}", age=20 + n % 50, secret=f"Once stole {n} coins from {n}."
                )
                for n in range(2000)
            ]
            scenes = [
                EnvironmentProfile(
                    pk=f"E{n}",
                    codename=f"c{n}",
                    scenario=f"Two meet at stall {n} of the long market by the river, late on day {n}.",
                    agent_goals=(f"Sell {n} pears at stall {n} today.", f"Buy {n} apples for the {n} guests tonight."),
                    age_constraint=f"[({20 + n % 40}, 70), (18, 70)]",
                )
                for n in range(2000)
            ]
            store.put_many([*people, *scenes])
            began = time.monotonic()
            assert lint(read_store(store)) == []
            assert time.monotonic() - began < 60


class TestReport:
    def test_the_summary_counts_findings_and_records(self, tmp_path):
        path = tmp_path / "records.jsonl"
        records = [ANN, {**BOB, "age": None}, {**BOAT, "agent_goals": ["Sell it.", ""]}, COMBO, FRIENDS]
        path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
        subjects = read_files([str(path)], tmp_path)
        findings = lint(subjects)
        assert summary(findings, subjects) == (
            "1 error, 1 warning in 2 characters, 1 scenario, 1 relationship, 1 combo"
        )
        assert document(findings, subjects)["findings"][0] == {
            "severity": "warning",
            "rule": "no-age",
            "message": findings[0].message,
            "file": str(path),
            "line": 2,
            "record": None,
            "key": None,
            "kind": "AgentProfile",
            "pk": "B",
            "name": "Bob Ray",
        }


class TestWhatIsPublished:
    def test_the_starter_pack_is_clean(self):
        (pack,) = sotopia_packs()
        subjects = read_files([str(path) for path in pack.files], Path())
        assert len(subjects.of(AgentProfile)) >= 12
        assert len(subjects.of(EnvironmentProfile)) >= 12
        assert lint(subjects) == []

    @needs_shared
    @pytest.mark.parametrize("files", ["native/*.json", "exported/*.jsonl"])
    def test_the_published_scenarios_and_characters(self, files):
        subjects = read_files([files], SHARED / "profiles")
        assert len(subjects.of(AgentProfile)) == 40
        assert len(subjects.of(EnvironmentProfile)) == 90
        assert len(subjects.of(EnvAgentComboStorage)) == 450
        findings = lint(subjects)
        assert {(finding.rule, finding.name) for finding in findings} == {
            ("goal-in-goal", "break_bad_luck"),  # one is to break bad luck, the other to help in breaking the bad luck
            ("goal-in-scenario", "confess_mistake"),  # the scenario says what one of them has yet to confess
            ("unmet-constraint", "movie_scene"),  # is for two actors, and nobody is one
        } | ({("same-pair", "")} if subjects.of(RelationshipProfile) else set())
        assert sum(finding.rule == "same-pair" for finding in findings) == (2 if "exported" in files else 0)
        assert {finding.severity for finding in findings} == {"warning"}

    @needs_shared
    def test_the_published_oddities_are_as_good_as_they_can_be_read(self):
        subjects = read_files(["negotiation_*.json", "job_*.json"], SHARED / "oddities")
        assert len(subjects.entries) == 8
        assert lint(subjects) == []
