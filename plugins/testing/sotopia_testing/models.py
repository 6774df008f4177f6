"""What every model must do, as tests that the author of a model runs over it."""

# Tests are named by the behaviour they hold a model to, which leaves docstrings nothing to add.
# ruff: noqa: D102

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any, ClassVar, Final, TypeVar

import pytest

from sotopia_core.errors import ModelError
from sotopia_core.interfaces import Component, Model
from sotopia_core.messages import ACTION_TYPES, AgentAction, Observation
from sotopia_core.models import ChatMessage, Completion, ModelRequest, Scene, Usage
from sotopia_core.visibility import background_for
from sotopia_testing.casts import cast
from sotopia_testing.components import ComponentContract, stopped, with_longest_pause

T = TypeVar("T")

AT_ONCE: Final = 20
"""How many questions are put to a model at one time."""


class ModelContract(ComponentContract):
    """Tests of what a model must do: subclass it, and give it a ``model`` that answers.

    A whole test module of a plugin with a model, whose provider is played by a server that replies as scripted::

        import pytest

        from sotopia_acme.model import Acme
        from sotopia_testing.chat_server import ChatServer
        from sotopia_testing.models import ModelContract


        class TestAcme(ModelContract):
            secret = "sk-acme-123"

            @pytest.fixture
            def model(self):
                with ChatServer(lambda request: "Good evening.") as server:
                    yield Acme(url=server.url, key=self.secret)

    A model whose text depends on the request alone sets ``repeatable = True``. ``secret`` is a key that the model was
    given; it must turn up nowhere.
    """

    repeatable: ClassVar[bool] = False
    """Whether the same request leads to the same text."""

    secret: ClassVar[str] = ""
    """A key that the model was given; empty for one that needs none."""

    @pytest.fixture
    def model(self) -> Model:
        """The model under test. To be given by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} needs a fixture 'model' that returns the model to test")

    @pytest.fixture
    def component(self, model: Model) -> Component:
        return model

    def test_it_has_a_name_for_records(self, model: Model) -> None:
        assert isinstance(model.label, str)
        assert model.label.strip() == model.label != "", f"{model.label!r} is no name"
        assert "\n" not in model.label

    def test_it_answers_with_text_and_says_what_that_took(self, model: Model) -> None:
        completion = self._completed(model, request())
        assert type(completion) is Completion, f"it gave {type(completion).__name__}, not a Completion"
        assert isinstance(completion.text, str)
        assert completion.model.strip(), "it does not say which model answered"
        assert completion.attempts >= 1
        assert completion.latency >= 0
        assert isinstance(completion.usage, Usage)
        assert completion.usage.calls >= 1, "it does not count its call"

    def test_its_completions_can_be_kept(self, model: Model) -> None:
        completion = self._completed(model, request())
        fields = {**asdict(completion), "usage": completion.usage.model_dump(mode="json")}
        assert json.loads(json.dumps(fields, allow_nan=False)) == fields
        assert Usage.model_validate(fields["usage"]) == completion.usage

    def test_a_value_is_of_the_type_asked_for_or_a_model_error(self, model: Model) -> None:
        value: AgentAction | None = None
        with suppress(ModelError):  # it may have nothing to say to that; anything else is a crash
            value = asyncio.run(self._then_closed(model, model.generate(request(AgentAction)))).value
        assert value is None or isinstance(value, AgentAction)

    def test_the_same_request_gives_the_same_text(self, model: Model) -> None:
        if self.repeatable:
            once, again = (self._completed(model, request(seed=5)).text for _ in range(2))
            assert once == again, "it answers otherwise the second time"

    def test_it_answers_many_at_one_time(self, model: Model) -> None:
        async def at_once() -> list[Completion]:
            return await asyncio.gather(*(model.complete(request(seed=seed)) for seed in range(AT_ONCE)))

        together = asyncio.run(self._then_closed(model, at_once()))
        assert len(together) == AT_ONCE
        if self.repeatable:
            alone = [self._completed(model, request(seed=seed)).text for seed in range(AT_ONCE)]
            assert [one.text for one in together] == alone, "it answers otherwise beside other questions"

    def test_it_lets_others_go_on(self, model: Model) -> None:
        async def watched() -> float:
            return (await with_longest_pause(lambda: model.complete(request())))[1]

        pause = asyncio.run(self._then_closed(model, watched()))
        assert pause < self.seconds_of_standstill, f"nothing else could go on for {pause:.1f} s; await, do not wait"

    def test_it_stops_when_it_is_cancelled(self, model: Model) -> None:
        async def cancelled() -> bool:
            return await stopped(model.complete(request()), after=0.001, within=self.seconds_to_stop)

        assert asyncio.run(self._then_closed(model, cancelled())), "it goes on after it was cancelled"

    def test_it_can_be_closed_at_any_time(self, model: Model) -> None:
        async def closed() -> None:
            await model.aclose()
            await model.aclose()

        asyncio.run(closed())

    def test_whether_it_can_be_reached_is_said_before_anything_is_asked(self, model: Model) -> None:
        model.check_access()

    def test_its_key_turns_up_nowhere(self, model: Model) -> None:
        if not self.secret:
            return
        completion = self._completed(model, request())
        told = [repr(model), str(model), model.label, model.model_dump_json(), json.dumps(model.content_options())]
        for text in [*told, str(completion)]:
            assert self.secret not in text, "its key stands in what is shown, kept or logged"

    def _completed(self, model: Model, question: ModelRequest[Any]) -> Completion:
        return asyncio.run(self._then_closed(model, model.complete(question)))

    async def _then_closed(self, model: Model, work: Awaitable[T]) -> T:
        try:
            return await work
        finally:
            await model.aclose()


def request(response_type: type[AgentAction] | None = None, seed: int = 1) -> ModelRequest[Any]:
    """Return a question as an agent at its first turn asks it, with the scene that stand-ins look at."""
    background = background_for(cast(), 0, "standard")
    seen = Observation(
        turn=0,
        agent=background.viewer,
        background=background,
        available_actions=ACTION_TYPES,
        remaining=background.names,
    )
    asked: ModelRequest[Any] = ModelRequest(
        messages=(
            ChatMessage(role="system", content=f"You are {background.viewer}. {background.scenario}"),
            ChatMessage(role="user", content="What do you do? Answer as JSON with action_type, argument and to."),
        ),
        response_type=response_type,
        scene=Scene(background=background, events=(), current=seen),
    )
    return replace(asked, seed=seed)
