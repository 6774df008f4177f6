"""``sotopia plugins list``, ``show`` and ``doctor``: what is installed, what it offers, and what is wrong with it."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import tomli

from sotopia_core.cli.plugins.listing import is_editable
from sotopia_core.config import load_config
from sotopia_core.errors import UnknownComponentError
from sotopia_core.hookspecs import hookimpl
from sotopia_core.packs import Pack
from sotopia_core.registry import Registry
from sotopia_core.wiring import wire
from tests.cli.kept import ask


class Offers:
    @hookimpl
    def sotopia_agents(self):
        return ["somewhere.absent:Parrot", "somewhere.absent:Mime"]

    @hookimpl
    def sotopia_packs(self):
        return [Pack(name="tales", description="Old tales")]


class Faulty:
    @hookimpl
    def sotopia_agents(self):
        raise RuntimeError("no luck\ntoday")


@pytest.fixture
def plugins(monkeypatch):
    registry = Registry()
    registry.register(Offers(), "birds", "sotopia-birds", "1.2")
    registry.register(Faulty(), "broken", "sotopia-broken", "0.1")
    monkeypatch.setattr(Registry, "installed", staticmethod(lambda: registry))
    return registry


def lines(*arguments):
    return [" ".join(line.split()) for line in ask("plugins", "list", *arguments).stdout.splitlines()]


def test_each_plugin_stands_with_its_distribution_its_state_and_its_offers_by_kind(plugins):
    assert lines()[:3] == [
        "name distribution state offers, or why there are none",
        "birds sotopia-birds 1.2 loaded agents: Parrot, Mime",
        "packs: tales",
    ]


def test_a_plugin_that_failed_stands_with_the_cause(plugins):
    assert lines()[3] == "broken sotopia-broken 0.1 quarantined RuntimeError: no luck today"


def test_json_holds_offers_and_the_traceback(plugins):
    birds, broken = json.loads(ask("plugins", "list", "--json").stdout)
    assert birds == {
        "name": "birds",
        "distribution": "sotopia-birds",
        "version": "1.2",
        "module": "Offers",
        "state": "loaded",
        "cause": "",
        "details": "",
        "editable": False,
        "offers": {"agents": ["Parrot", "Mime"], "packs": ["tales"]},
    }
    assert (broken["state"], broken["offers"]) == ("quarantined", {})
    assert "Traceback" in broken["details"]


def test_the_built_in_plugins_are_all_loaded():
    told = json.loads(ask("plugins", "list", "--json").stdout)
    assert {one["name"]: one["cause"] for one in told if one["state"] != "loaded"} == {}
    offers = SimpleNamespace(**{kind: names for one in told for kind, names in one["offers"].items()})
    assert "LLMAgent" in offers.agents
    assert "starter" in offers.packs


def test_where_nothing_is_installed_that_is_said(monkeypatch):
    monkeypatch.setattr(Registry, "installed", staticmethod(Registry))
    answer = ask("plugins", "list")
    assert (answer.stdout, answer.stderr) == ("", "no plugin is installed\n")


def test_show_gives_documentation_options_and_source_of_a_component():
    (told,) = json.loads(ask("plugins", "show", "LLMAgent", "--json").stdout)
    assert (told["name"], told["kind"]) == ("LLMAgent", "agents")
    assert told["documentation"].startswith("An agent that asks a language model")
    assert "sotopia_agents" in told["source"]
    options = {option["name"]: option for option in told["options"]}
    assert options["model"]["required"] is True
    assert options["temperature"] == {
        "name": "temperature",
        "type": "number, at least 0 and at most 2",
        "required": False,
        "default": None,
        "description": "Sampling temperature; the model's own when not given",
        "operational": False,
    }
    assert options["timeout"]["operational"] is True


BUILT_IN = sorted({(offer.kind, offer.name) for offer in Registry.installed().offers})


@pytest.mark.parametrize(("kind", "name"), BUILT_IN)
def test_what_show_gives_to_paste_is_a_run_file(kind, name, tmp_path):
    documents = json.loads(ask("plugins", "show", name, "--json").stdout)
    (told,) = [document for document in documents if document["kind"] == kind]
    if "toml" not in told:
        pytest.skip(told["cause"])
    pasted = tomli.loads(told["toml"])
    if kind == "models":
        assert pasted["models"]["NAME"]["use"] == name
        return
    agents = "" if "agents" in pasted else '[[agents]]\nuse = "LLMAgent"\nmodel = "offline"\n'
    (tmp_path / "run.toml").write_text(told["toml"] + agents, encoding="utf-8")
    assert wire(load_config([tmp_path / "run.toml"]), Registry.installed())


def test_what_is_commented_out_for_pasting_holds_the_defaults(tmp_path):
    (told,) = json.loads(ask("plugins", "show", "RuleBasedTerminatedEvaluator", "--json").stdout)
    uncommented = tomli.loads(told["toml"].replace("\n# ", "\n"))["response_evaluators"][0]
    assert uncommented == {
        "use": "RuleBasedTerminatedEvaluator", "timeout": 600.0, "max_turn_number": 20, "max_stale_turn": 2,
    }  # fmt: skip


def test_show_knows_packs_plugins_and_dimensions(plugins):
    assert "Old tales" in ask("plugins", "show", "tales").stdout
    assert '[pool]\npacks = ["tales"]' in ask("plugins", "show", "tales").stdout
    told = json.loads(ask("plugins", "show", "birds", "--json").stdout)
    assert [document["kind"] for document in told] == ["plugin", "agents", "agents", "packs"]
    assert "No module named 'somewhere'" in told[1]["cause"]
    broken = ask("plugins", "show", "broken").stdout
    assert "quarantined" in broken
    assert "RuntimeError: no luck today" in broken


def test_show_says_what_is_near_to_a_name_that_is_not_there():
    with pytest.raises(UnknownComponentError, match="is called 'LLMAgnet'; did you mean 'LLMAgent'"):
        ask("plugins", "show", "LLMAgnet")


def test_the_doctor_finds_nothing_wrong_with_the_built_ins():
    answer = ask("plugins", "doctor")
    assert answer.exit_code == 0
    assert answer.stdout.splitlines()[-1].endswith("; nothing is wrong")


def test_the_doctor_names_what_is_broken_and_what_clashes(plugins):
    plugins.register(Offers(), "more_birds", "sotopia-more-birds", "0.1")
    answer = ask("plugins", "doctor", "--json")
    told = json.loads(answer.stdout)
    assert answer.exit_code == 1
    assert told["healthy"] is False
    found = [(one["severity"], one["plugin"], one["text"]) for one in told["findings"]]
    assert ("problem", "plugin broken (sotopia-broken 0.1)", "RuntimeError: no luck today") in found
    assert (
        "problem",
        "plugin more_birds (sotopia-more-birds 0.1)",
        "Parrot (agents) is offered by plugin birds (sotopia-birds 1.2) too; "
        "in run files write sotopia-birds:Parrot or sotopia-more-birds:Parrot",
    ) in found
    assert any("brings a pack called 'tales' too" in text for _, _, text in found)
    assert any("providing the agent Mime: ModuleNotFoundError" in text for _, _, text in found)
    assert ask("plugins", "doctor").stdout.splitlines()[-1].endswith("problems")


def test_the_doctor_takes_a_missing_extra_and_a_slow_import_as_notes(monkeypatch):
    class Fancy:
        @hookimpl
        def sotopia_models(self):
            return ["json:Fancy [litellm]"]

    registry = Registry()
    registry.register(Fancy(), "fancy", "sotopia-core", "0.1")
    registry.host.plugins[0] = replace(registry.host.plugins[0], seconds=1.5)
    monkeypatch.setattr("sotopia_core.registry._is_installed", lambda name: False)
    monkeypatch.setattr(Registry, "installed", staticmethod(lambda: registry))
    answer = ask("plugins", "doctor")
    assert answer.exit_code == 0
    assert "importing it takes 1.5 s of every command" in answer.stdout
    assert "run: pip install 'sotopia-core[litellm]'" in answer.stdout


def test_an_editable_install_is_said():
    if not is_editable(Registry.installed().plugins[0]):
        pytest.skip("sotopia-core is not installed as a link to its source here, shared or otherwise")
    assert "(editable)" in ask("plugins", "list").stdout
    assert json.loads(ask("plugins", "list", "--json").stdout)[0]["editable"] is True
