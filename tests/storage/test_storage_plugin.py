"""The storage kit offers its storages by name, and costs nothing until one is asked for."""

import subprocess
import sys
from importlib import import_module

from sotopia_core.interfaces import Storage
from sotopia_storage.plugin import sotopia_storage


def test_each_offer_is_a_storage_with_a_scheme() -> None:
    classes = []
    for offer in sotopia_storage():
        module, name = offer.split(":")
        classes.append(getattr(import_module(module), name))
    assert [one.__name__ for one in classes] == ["SQLite", "Redis", "Memory"]
    assert all(issubclass(one, Storage) for one in classes)
    assert [one.schemes for one in classes] == [("sqlite",), ("redis", "rediss"), ("memory",)]


def test_offering_does_not_import_what_is_offered() -> None:
    stores = "'sqlite' in m or 'memory' in m or 'redis' in m"
    program = f"import sys, sotopia_storage.plugin; print([m for m in sys.modules if {stores}])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"


def test_options_have_limits_and_no_part_in_what_is_compared() -> None:
    for offer in sotopia_storage():
        module, name = offer.split(":")
        assert getattr(import_module(module), name)().content_options() == {}
