"""``sotopia plugins list``: what is installed, what it offers, and what is wrong with it."""

import json
from types import SimpleNamespace

import pytest

from sotopia_core.hookspecs import hookimpl
from sotopia_core.packs import Pack
from sotopia_core.registry import Registry
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
