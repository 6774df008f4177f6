"""The offers of the agents kit."""

import subprocess
import sys
from importlib import import_module

from sotopia_agents import plugin
from sotopia_core.interfaces import Agent


def test_every_offer_is_an_agent_class_with_the_name_that_run_files_use():
    offers = [str(offer) for offer in plugin.sotopia_agents()]
    classes = [getattr(import_module(module), name) for module, name in (offer.split(":") for offer in offers)]
    assert [c.__name__ for c in classes] == ["LLMAgent", "ScriptedAgent", "HumanAgent", "RedisAgent"]
    assert all(issubclass(c, Agent) for c in classes)


def test_listing_the_offers_imports_no_agent():
    code = (
        "import sys, sotopia_agents.plugin as p; p.sotopia_agents();"
        "print(sorted(m for m in sys.modules if m.startswith('sotopia_agents')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "['sotopia_agents', 'sotopia_agents.plugin']"
