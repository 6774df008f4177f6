import pytest
from tests.docs.pages import PAGES
from tests.docs.session import play
@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_play(page, tmp_path):
    play(page, tmp_path)
