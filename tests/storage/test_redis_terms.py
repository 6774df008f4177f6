"""Terms stand for values in an index: equal where these are, in their order, and made of hexadecimal digits alone."""

import string

from hypothesis import given
from hypothesis import strategies as st

from sotopia_storage.fields import Scalar, comparable, sort_key
from sotopia_storage.redis.terms import hexadecimal, term, text_of

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
integers = st.integers(-(2**63), 2**63 - 1)
near = st.sampled_from([0, 1, 2**53, 2**62, 2**63 - 1024]).flatmap(lambda n: st.integers(n, min(n + 1030, 2**63 - 1)))
floats = st.floats(allow_nan=False, allow_infinity=False) | integers.map(float)
scalars = (st.none() | st.booleans() | integers | near | near.map(lambda n: -n) | floats | texts).map(comparable)


@given(scalars, scalars)
def test_terms_are_equal_and_sorted_as_their_values_are(one: Scalar, other: Scalar) -> None:
    assert (term(one) == term(other)) == (sort_key(one) == sort_key(other))
    assert (term(one) < term(other)) == (sort_key(one) < sort_key(other))


@given(scalars)
def test_terms_are_short_and_need_no_escape(value: Scalar) -> None:
    assert set(term(value)) <= set(string.hexdigits.lower())
    assert len(term(value)) < 4096


@given(texts)
def test_a_text_is_read_back_from_its_hexadecimals(text: str) -> None:
    assert text_of(hexadecimal(text)) == text
