"""A run that was killed, for whoever looks at one."""

import pytest

from tests.cli.long_runs import begin, count, has_tables, until


@pytest.fixture
def killed(tmp_path):
    """A folder in which a run was killed before it was half way through."""
    run = begin(tmp_path, trials=60)
    try:
        until(lambda: (tmp_path / "sotopia.db").exists() and has_tables(tmp_path) and count(tmp_path, "journal") > 60)
    finally:
        run.kill()
        run.communicate()
    return tmp_path
