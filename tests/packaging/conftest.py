"""What the tests of packaging share."""

import pytest

from tests.packaging.environments import ROOT, build_wheel


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """The project's own wheel."""
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheel"))
