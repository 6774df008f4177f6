"""What a run file comes to, fact by fact, for people to look at before they play it."""

from __future__ import annotations

from sotopia_core.database.locate import find_storage
from sotopia_core.database.pool import STARTER, find_pool
from sotopia_core.interfaces import Component, Model
from sotopia_core.wiring import Wiring
from sotopia_core.wording import shown


def describe_run(wiring: Wiring) -> list[tuple[str, str]]:
    """Return labelled facts about a run: who plays, with which models, from what is drawn, where episodes go.

    ``InputError`` where record files or packs that the run draws from cannot be read, or the store's URL is wrong.
    """
    models = [f"{name}: {_model(model)}" for name, model in sorted(wiring.models.made.items())]
    return [
        ("seats", "\n".join(_seats(wiring))),
        ("models", "\n".join(models) or "none"),
        ("ordering", _with_options(wiring.ordering)),
        ("pool", _pool(wiring)),
        ("sampler", _with_options(wiring.sampler)),
        ("ended by", "\n".join(map(_with_options, wiring.response_evaluators)) or "nothing; episodes have no end"),
        ("judged by", "\n".join(map(_with_options, wiring.terminal_evaluators)) or "nobody; episodes stay unjudged"),
        ("episodes", _episodes(wiring)),
    ]


def _seats(wiring: Wiring) -> list[str]:
    agents = [_with_options(blueprint.sample) for blueprint in wiring.seating.blueprints]
    return agents if wiring.seating.seats else [f"{agents[0]} in every seat"]


def _with_options(component: Component) -> str:
    """Name a component with the options that were given to it."""
    options = component.model_dump(mode="json", exclude_unset=True)
    given = ", ".join(f"{name} = {shown(value)}" for name, value in options.items())
    return f"{type(component).__name__} ({given})" if given else type(component).__name__


def _model(model: Model) -> str:
    return f"{type(model).__name__}, which is no language model" if model.stand_in else _with_options(model)


def _pool(wiring: Wiring) -> str:
    section = wiring.config.pool
    if not (section.files or section.packs):
        return f"what the store holds, or the {STARTER} pack where it holds no scenario"
    stored = wiring.config.run.relationships == "stored"
    pool = find_pool(section, wiring.base, wiring.registry, None, relationships=stored).pool
    return f"{pool.source}: {len(pool.environments)} scenarios, {len(pool.agents)} characters"


def _episodes(wiring: Wiring) -> str:
    section = wiring.config.run
    trials = f"{section.trials} {'trial' if section.trials == 1 else 'trials'} of each combo"
    if not section.save:
        return f"{trials}, kept nowhere (run.save = false)"
    storage = wiring.storage or find_storage(wiring.registry)
    return f"{trials}, kept in {storage.url}"
