"""How far judges agree: over what both scored, and over nothing else."""

from sotopia_core.agreement import Agreement, agreements
from sotopia_core.evaluation import Evaluation, Score, Scored, Unscored

MIA, LEO = "Mia Davis", "Leo Park"


def judged(evaluator, **scores):
    judgements = {
        {"mia": MIA, "leo": LEO}[name]: Unscored(reason="no")
        if given is None
        else Scored(scores={dimension: Score(value=value) for dimension, value in given.items()})
        for name, given in scores.items()
    }
    dimensions = {dimension: None for given in scores.values() if given for dimension in given}
    return Evaluation(
        evaluator=evaluator, dimension_set="Two", digest="d", dimensions=dimensions, judgements=judgements
    )


def test_one_judge_agrees_with_nobody():
    assert agreements([judged("one", mia={"tact": 3})]) == {}
    assert agreements([]) == {}


def test_two_judges_are_compared_dimension_by_dimension():
    one = judged("one", mia={"tact": 3, "goal": 8}, leo={"tact": 5, "goal": 0})
    two = judged("two", mia={"tact": 3, "goal": 5}, leo={"tact": 4, "goal": 2})
    assert agreements([one, two]) == {"tact": Agreement(2, 1.0, 1), "goal": Agreement(2, 5.0, 0)}
    assert agreements([one, two])["goal"].distance == 2.5


def test_three_judges_make_three_pairs():
    judges = [judged(str(value), mia={"tact": value}) for value in (1, 2, 4)]
    assert agreements(judges) == {"tact": Agreement(3, 6.0, 0)}


def test_what_is_missing_neither_agrees_nor_disagrees():
    one = judged("one", mia={"tact": 3}, leo={"tact": 0})
    two = judged("two", mia={"tact": 3}, leo=None)
    assert agreements([one, two]) == {"tact": Agreement(1, 0.0, 1)}
    nobody = agreements([judged("one", mia={"tact": 3}), judged("two", leo={"tact": 3})])["tact"]
    assert (nobody.pairs, nobody.distance, str(nobody)) == (0, None, "no two scores to compare")


def test_dimensions_that_one_judge_has_alone_are_left_out():
    assert set(agreements([judged("one", mia={"tact": 3, "goal": 1}), judged("two", mia={"tact": 3})])) == {"tact"}


def test_it_is_said_in_words():
    assert str(Agreement(4, 2.0, 3)) == "0.50 apart on average over 4 pairs of scores, 3 alike"
    assert str(Agreement(1, 0.0, 1)) == "0.00 apart on average over 1 pair of scores, 1 alike"
