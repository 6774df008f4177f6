"""The testing kit of Sotopia: what plugin authors test with.

For every kind of component there is a conformance suite, a class of tests to subclass: ``agents``, ``orderings``,
``samplers``, ``response_evaluators``, ``terminal_evaluators``, ``dimensions``, ``models``, ``storage``, ``packs``, and
``plugins`` for the module that offers them. ``chat_server`` is an OpenAI-compatible server that replies, and fails, as
scripted; ``scripted_model`` is a model that does so in the same process, for tests that need no HTTP; ``redis_server``
is a Redis server that can be killed.
"""

import sys

if "pytest" in sys.modules:  # so that a suite that fails shows the values that it compared
    import pytest

    for _suite in (
        *("agents", "components", "dimensions", "models", "orderings", "packs", "plugins", "response_evaluators"),
        *("samplers", "storage", "terminal_evaluators"),
    ):
        pytest.register_assert_rewrite(f"{__name__}.{_suite}")
