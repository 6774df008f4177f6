"""What every plugin module must do, as tests that its author runs over it."""

# Tests are named by the behaviour they hold a plugin to, which leaves docstrings nothing to add.
# ruff: noqa: D102

from __future__ import annotations

import json
from types import ModuleType
from typing import Final

import pytest

from sotopia_core.errors import MissingExtraError
from sotopia_core.registry import INTERFACES, Registry
from sotopia_testing.components import PROBE, imported_alone

LISTED: Final = """
import importlib, json, sys
module, modules = sys.argv[1], json.loads(sys.argv[2])
from sotopia_core.registry import Registry
plugin = Registry().register(importlib.import_module(module), "plugin")
print(json.dumps([name for name in modules if name in sys.modules]))
"""
"""Registers a plugin and prints which of some modules that imported."""


class PluginContract:
    """Tests of what a plugin's module must do: subclass it, and give it a ``plugin``, the module of the entry point.

    ::

        class TestPlugin(PluginContract):
            @pytest.fixture
            def plugin(self) -> ModuleType:
                return sotopia_parrot.plugin
    """

    @pytest.fixture
    def plugin(self) -> ModuleType:
        """The module under test. To be given by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture 'plugin' that returns the module to test")

    @pytest.fixture
    def registry(self, plugin: ModuleType) -> Registry:
        """A registry with this plugin alone."""
        registry = Registry()
        registry.register(plugin, "plugin")
        return registry

    def test_it_loads(self, registry: Registry) -> None:
        (plugin,) = registry.plugins
        assert plugin.state == "loaded", plugin.details or plugin.cause

    def test_no_name_is_offered_twice(self, registry: Registry) -> None:
        names = [(offer.kind, offer.name) for offer in registry.offers]
        assert len(set(names)) == len(names), f"a name is offered twice: {sorted(names)}"
        packs = [pack.name for _, pack in registry.packs]
        assert len(set(packs)) == len(packs), f"a pack is offered twice: {sorted(packs)}"

    def test_everything_it_offers_can_be_had(self, registry: Registry) -> None:
        for offer in registry.offers:
            try:
                assert issubclass(offer.load(), INTERFACES[offer.kind])
            except MissingExtraError as error:
                pytest.skip(str(error))

    def test_listing_it_imports_none_of_its_components(self, plugin: ModuleType, registry: Registry) -> None:
        targets = {offer.target for offer in registry.offers if isinstance(offer.target, str)}
        modules = {target.partition(":")[0] for target in targets} - {plugin.__name__}
        loaded = json.loads(imported_alone(LISTED, plugin.__name__, json.dumps(sorted(modules))))
        assert not loaded, f"importing {plugin.__name__} imports {loaded[0]}, though no run has asked for it"

    def test_importing_it_changes_nothing(self, plugin: ModuleType) -> None:
        imported_alone(PROBE, plugin.__name__)
