"""``sotopia lint``: where it looks, what it prints, and how it exits."""

import json

import pytest
import typer
from typer.testing import CliRunner

from sotopia_core.cli import lint
from sotopia_core.errors import InputError, RecordError, StorageError
from tests.cli.command import ROOT, sotopia
from tests.cli.kept import LEO, MIA, agent, combo, keep, relationship, run, scenario

STARTER = ROOT / "plugins/packs/sotopia_packs/starter"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SOTOPIA_STORAGE", raising=False)
    monkeypatch.delenv("REDIS_OM_URL", raising=False)
    return tmp_path


def ask(*arguments):
    app = typer.Typer()
    app.command("lint")(lint.lint)
    return CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)


def write(path, *records):
    path.write_text("".join(record.model_dump_json() + "\n" for record in records), encoding="utf-8")
    return path


FINE = (agent(MIA, secret="Owes money."), agent(LEO, secret="Cannot swim."), scenario(), combo(), relationship())
NO_AGE = agent("Zoë Ray", secret="Cannot read.", age=None)
NO_GOAL = scenario(pk="ENV-2", codename="pier", scenario="Two meet on a pier.", agent_goals=("Fish.", " "))


class TestFiles:
    def test_nothing_found_is_said_and_is_success(self, folder):
        write(folder / "fine.jsonl", *FINE)
        answer = ask("fine.jsonl")
        assert answer.stdout == "nothing found in 2 characters, 1 scenario, 1 relationship, 1 combo\n"
        assert answer.exit_code == 0

    def test_warnings_are_success_unless_they_are_to_count(self, folder):
        write(folder / "zoe.jsonl", NO_AGE)
        line = (
            "zoe.jsonl, line 1 ('Zoë Ray'): warning: the character has no age, which acquaintances are told and an "
            "age_constraint asks for; give one [no-age]\n1 warning in 1 character\n"
        )
        assert (ask("zoe.jsonl").stdout, ask("zoe.jsonl").exit_code) == (line, 0)
        assert (ask("zoe.jsonl", "--strict").stdout, ask("zoe.jsonl", "--strict").exit_code) == (line, 2)

    def test_errors_exit_with_two(self, folder):
        write(folder / "pier.jsonl", NO_GOAL)
        answer = ask("pier.jsonl")
        assert answer.stdout == (
            "pier.jsonl, line 1 ('pier'): error: the agent in seat 1 is given no goal; write one [no-goal]\n"
            "1 error in 1 scenario\n"
        )
        assert answer.exit_code == 2

    def test_strict_finds_nothing_in_what_is_fine(self, folder):
        write(folder / "fine.jsonl", *FINE)
        assert ask("--strict", "fine.jsonl").exit_code == 0

    def test_files_and_patterns_are_linted_together(self, folder):
        write(folder / "agents.jsonl", *FINE[:2])
        write(folder / "combos.jsonl", combo())
        write(folder / "scenes.jsonl", scenario(agent_goals=("Fish.", "Swim.", "Row.")))
        assert "[misfit-cast]" in ask("*.jsonl").stdout
        assert "[misfit-cast]" in ask("scenes.jsonl", "combos.jsonl").stdout
        assert "[misfit-cast]" not in ask("agents.jsonl", "combos.jsonl").stdout

    def test_what_cannot_be_read_is_found_with_its_line(self, folder):
        (folder / "bad.jsonl").write_text('{"first_name": "Ann", "agge": 3}\n{"first_name"', encoding="utf-8")
        answer = ask("bad.jsonl")
        first, second, last = answer.stdout.splitlines()
        assert first.startswith("bad.jsonl, line 1: error: unknown key 'agge'; did you mean 'age'?")
        assert second.startswith("bad.jsonl, line 2: error: the JSON ends before it is complete")
        assert (last, answer.exit_code) == ("2 errors in no records", 2)

    def test_control_characters_are_shown_and_not_sent(self, folder):
        write(folder / "pier.jsonl", NO_GOAL.model_copy(update={"codename": "pier\x1b[31m\u202e"}))
        assert "\x1b" not in ask("pier.jsonl").stdout
        assert "\u202e" not in ask("pier.jsonl").stdout

    def test_a_file_that_is_not_there_is_bad_input(self, folder):
        write(folder / "agents.jsonl", *FINE)
        with pytest.raises(RecordError, match=r"no file matches 'agent\.jsonl'.*did you mean 'agents\.jsonl'"):
            ask("agent.jsonl")

    def test_a_file_in_which_there_is_nothing_to_look_at_is_bad_input(self, folder):
        write(folder / "runs.jsonl", run())
        with pytest.raises(InputError, match=r"^runs\.jsonl: there is no character, scenario, combo or relationship"):
            ask("runs.jsonl")


class TestStore:
    def test_without_files_the_store_is_linted(self, folder):
        url = keep(folder, *FINE[:4], NO_GOAL)
        answer = ask("--store", url)
        assert answer.stdout == (
            "EnvironmentProfile ENV-2 ('pier'): error: the agent in seat 1 is given no goal; write one [no-goal]\n"
            "1 error in 2 characters, 2 scenarios, 1 combo\n"
        )
        assert answer.exit_code == 2

    def test_the_environment_names_the_store(self, folder, monkeypatch):
        monkeypatch.setenv("SOTOPIA_STORAGE", keep(folder, *FINE))
        assert ask().stdout.startswith("nothing found in 2 characters")

    def test_in_a_store_every_reference_must_be_met(self, folder):
        assert "[dangling-reference]" in ask("--store", keep(folder, combo())).stdout

    def test_no_store_is_made_by_looking(self, folder):
        with pytest.raises(StorageError, match="there is no store at"):
            ask()
        assert list(folder.iterdir()) == []

    def test_files_and_a_store_are_not_linted_together(self, folder):
        write(folder / "fine.jsonl", *FINE)
        with pytest.raises(InputError, match="name files or a store, not both"):
            ask("fine.jsonl", "--store", "sqlite:///my.db")


class TestJson:
    def test_findings_with_their_places_and_counts(self, folder):
        (folder / "pier.json").write_text(f'{{"ENV-2": {NO_GOAL.model_dump_json()}}}', encoding="utf-8")
        answer = ask("pier.json", "--json")
        assert json.loads(answer.stdout) == {
            "errors": 1,
            "warnings": 0,
            "records": {"EnvironmentProfile": 1},
            "findings": [
                {
                    "severity": "error",
                    "rule": "no-goal",
                    "message": "the agent in seat 1 is given no goal; write one",
                    "file": "pier.json",
                    "line": None,
                    "record": None,
                    "key": "ENV-2",
                    "kind": "EnvironmentProfile",
                    "pk": "ENV-2",
                    "name": "pier",
                }
            ],
        }
        assert answer.exit_code == 2

    def test_no_findings_are_an_empty_list(self, folder):
        write(folder / "fine.jsonl", *FINE)
        answer = ask("fine.jsonl", "--json")
        assert (json.loads(answer.stdout)["findings"], answer.exit_code) == ([], 0)


def test_the_command_exits_as_it_says(folder):
    write(folder / "pier.jsonl", NO_GOAL)
    failed = sotopia("lint", "pier.jsonl", cwd=folder)
    assert (failed.returncode, failed.stderr) == (2, "")
    assert failed.stdout.endswith("1 error in 1 scenario\n")
    clean = sotopia("lint", "--strict", STARTER / "*.jsonl", cwd=folder)
    assert (clean.returncode, clean.stderr) == (0, "")
    assert clean.stdout.startswith("nothing found in ")
