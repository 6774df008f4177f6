"""A terminal evaluator at work on one interaction: whatever goes wrong, the result says so for each agent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import TypeAdapter

from sotopia_core.errors import ModelAccessError, one_line, pass_on
from sotopia_core.evaluation import Evaluation, Judgement, Unscored, check_judgements
from sotopia_core.interfaces import EvaluationContext, TerminalEvaluator, Transcript
from sotopia_core.limits import within
from sotopia_core.plugins import titled

_JUDGEMENTS: TypeAdapter[dict[str, Judgement]] = TypeAdapter(dict[str, Judgement])


async def evaluate(
    evaluator: TerminalEvaluator,
    role: str,
    transcript: Transcript,
    context: EvaluationContext,
    answered: Sequence[str] = (),
) -> Evaluation:
    """Have one evaluator score an interaction, under the name of its ``role``.

    ``answered`` is read afterwards: the names under which models answered meanwhile. Raises ``ModelAccessError`` alone;
    of any other failure everyone is unscored.
    """
    judgements: Mapping[str, Judgement]
    try:
        given = await within(evaluator.timeout, lambda: evaluator.evaluate(transcript, context))
        judgements = check_judgements(evaluator.dimensions, transcript.names, _JUDGEMENTS.validate_python(given))
    except ModelAccessError:
        raise
    except BaseException as error:
        pass_on(error)
        reason = one_line(error)
        if (who := titled(type(evaluator), role)) != role:  # the role stands beside the reason already
            reason += f" ({who})"
        judgements = dict.fromkeys(transcript.names, Unscored(reason=reason))
    dimensions = evaluator.dimensions
    return Evaluation(
        evaluator=role,
        dimension_set=dimensions.name,
        digest=dimensions.digest,
        dimensions={dimension.name: dimension.weight for dimension in dimensions.dimensions},
        model=answered[-1] if answered else evaluator.model_label,
        judgements=dict(judgements),
    )
