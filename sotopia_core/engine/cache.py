"""The reply cache: what models said in other runs, found by the question and by its place."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final, Literal

from pydantic import PrivateAttr, TypeAdapter

from sotopia_core.asking import read_value
from sotopia_core.digests import canonical_json
from sotopia_core.engine.writer import StoreWriter
from sotopia_core.episodes import CachedReply
from sotopia_core.errors import ModelError, NotFoundError, unicode_text
from sotopia_core.interfaces import Model, ModelFinder
from sotopia_core.models import Completion, ModelRequest, Usage
from sotopia_core.stores import Store
from sotopia_core.structured import json_schema_for

CacheMode = Literal["read-write", "replay-only"]

_COMPLETION: Final = TypeAdapter(Completion)


class ReplyCache:
    """Replies of models in a store. In the mode ``replay-only``, what is not there is not asked for."""

    def __init__(self, store: Store, writer: StoreWriter, mode: CacheMode) -> None:
        self._store = store
        self._writer = writer
        self._mode: CacheMode = mode
        self._models: dict[str, Model] = {}

    def before(self, find: ModelFinder) -> ModelFinder:
        """Return what finds models as ``find`` does, each with this cache before it."""

        def found(name: str) -> Model:
            if name not in self._models:
                self._models[name] = CachedModel.before(find(name), self)
            return self._models[name]

        return found

    async def answer(self, model: Model, request: ModelRequest[Any]) -> Completion:
        """Return what was said to this question at this place, which costs nothing, or what the model says now.

        ``ModelError`` where neither is to be had. Only what can be used is kept: no error, and no reply that does not
        hold the value that was asked for.
        """
        pk = key_of(model, request)
        try:
            kept = await asyncio.to_thread(self._store.get, CachedReply, pk)
        except NotFoundError:
            if self._mode == "replay-only":
                raise ModelError(
                    f"{model.label}: the cache has no reply to this, and [cache] mode is replay-only"
                ) from None
        else:
            return replace(_COMPLETION.validate_python(kept.completion), usage=Usage(), attempts=0, latency=0.0)
        completion = await model.complete(request)
        if isinstance(completion, Completion) and _is_usable(request, completion):
            said = _COMPLETION.dump_python(completion, mode="json", exclude_defaults=True)
            now = datetime.now(UTC).isoformat(timespec="milliseconds")
            await self._writer.put(CachedReply(pk=pk, model=model.label, completion=said, kept_at=now))
        return completion


class CachedModel(Model):
    """A model with a cache before it."""

    _model: Model = PrivateAttr()
    _cache: ReplyCache = PrivateAttr()

    @classmethod
    def before(cls, model: Model, cache: ReplyCache) -> CachedModel:
        """Put a cache before a model."""
        made = cls(re_asks=model.re_asks, re_ask_model=model.re_ask_model)
        made._model, made._cache = model, cache
        return made

    @property
    def label(self) -> str:
        """The model's own."""
        return self._model.label

    async def complete(self, request: ModelRequest[Any]) -> Completion:
        """Answer out of the cache, or have the model answer."""
        return await self._cache.answer(self._model, request)


def key_of(model: Model, request: ModelRequest[Any]) -> str:
    """Return the digest of a question and its place: the model with its options, the messages, the form, the seed.

    The seed derives from the run's seed, draw, trial, seat, turn and attempt. So trials stay independent of each other,
    and a run that is played again meets its own replies.
    """
    question = {
        "model": type(model).__name__,
        "options": model.content_options(),
        "messages": [[message.role, message.content] for message in request.messages],
        "schema": None if request.response_type is None else json_schema_for(request.response_type, request.context),
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
        "place": request.seed,
    }
    return hashlib.sha256(canonical_json(question).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _is_usable(request: ModelRequest[Any], completion: Completion) -> bool:
    if unicode_text(completion.text) != completion.text:
        return False
    try:
        read_value(completion, request.response_type, request.context)
    except ModelError:
        return False
    return True
