"""LiteLLM keeps the contract of models, against a server on this machine."""

import pytest

from sotopia_models.litellm import LiteLLM
from sotopia_testing.chat_server import ChatServer
from sotopia_testing.models import ModelContract
from tests.models.conftest import needs_litellm


@pytest.fixture(scope="module")
def server():
    with ChatServer() as server:
        yield server


@needs_litellm
class TestLiteLLM(ModelContract):
    secret = "sk-not-to-be-seen"
    seconds_of_standstill = 20.0  # the first request imports litellm

    @pytest.fixture
    def model(self, server, monkeypatch):
        monkeypatch.setenv("CONTRACT_KEY", self.secret)
        return LiteLLM(model="openai/stub", api_base=server.url, api_key_env="CONTRACT_KEY")
