"""Asking the model again, with what was wrong with its last answer and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from reliai._core.call import Call
from reliai.checks.base import cut
from reliai.errors import ConfigurationError, OutputInvalid
from reliai.policies._callbacks import called
from reliai.policies._messages import with_turns

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reliai._core.site import Site

__all__ = ["Plan", "plan_for"]

ADVICE_LIMIT = 1_000
"""Characters of what the model is told was wrong, whatever it was."""

RAW_LIMIT = 8_000
"""Characters of the model's own answer that it is shown again."""


class Plan(Protocol):
    """How a function is asked again. Every call is made from the first one, so nothing grows."""

    async def next_call(
        self, call: Call, error: OutputInvalid, advice: tuple[str, ...], said: str
    ) -> Call | None:
        """The call to make; None when these arguments cannot take what is to be said.

        Args:
            call: the call as it reached Validate.
            error: what was wrong with the last answer.
            advice: the same for the model.
            said: what the model said, as text.

        Raises:
            Exception: what a function of the user's raised.
        """


class _Messages:
    """Two messages more: what the model said, and what was wrong with it."""

    def __init__(self, parameter: str) -> None:
        self._parameter = parameter

    async def next_call(
        self, call: Call, error: OutputInvalid, advice: tuple[str, ...], said: str
    ) -> Call | None:
        messages: Any = call.arguments.get(self._parameter)
        if isinstance(messages, str):
            return await _Suffix(self._parameter).next_call(call, error, advice, said)
        if not isinstance(messages, list | tuple):
            return None
        shown = cut(said, RAW_LIMIT) or "(an empty answer)"
        longer = with_turns(cast("Sequence[Any]", messages), shown, feedback(advice))
        return None if longer is None else call.with_arguments(**{self._parameter: longer})


class _Suffix:
    """The prompt with what was wrong behind it."""

    def __init__(self, parameter: str) -> None:
        self._parameter = parameter

    async def next_call(
        self, call: Call, error: OutputInvalid, advice: tuple[str, ...], said: str
    ) -> Call | None:
        prompt: Any = call.arguments.get(self._parameter)
        if not isinstance(prompt, str):
            return None
        return call.with_arguments(**{self._parameter: f"{prompt}\n\n{feedback(advice)}"})


class _ByFunction:
    """As a function of the user's says."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    async def next_call(
        self, call: Call, error: OutputInvalid, advice: tuple[str, ...], said: str
    ) -> Call | None:
        made = await called(call, self._function, call, error, error.raw)
        if not isinstance(made, Call):
            raise ConfigurationError(
                f"Validate(reask_with=…) returned {type(made).__name__} for {call.name}; "
                "return a call: call.with_arguments(prompt=…)"
            )
        return made


def feedback(advice: tuple[str, ...]) -> str:
    """What the model is told."""
    problems = cut("\n".join(f"- {sentence}" for sentence in advice), ADVICE_LIMIT)
    return (
        f"Your previous answer was not accepted:\n{problems}\n"
        "Answer the request again, in full, with this put right. Give the answer alone."
    )


def plan_for(site: Site, reask_with: Callable[..., Any] | None) -> Plan:
    """How `site`'s function can be asked again.

    Raises:
        ConfigurationError: when nobody can know where to say what was wrong.
    """
    if reask_with is not None:
        return _ByFunction(reask_with)
    if "messages" in site.parameters:
        return _Messages("messages")
    texts = _text_parameters(site)
    if len(texts) == 1:
        return _Suffix(texts[0])
    raise ConfigurationError(
        f"Validate(reask=…): {site.name} has no parameter `messages` and "
        f"{len(texts)} parameters annotated as `str`, so it is not clear where to tell the model "
        "what was wrong; give reask_with=lambda call, error, raw: call.with_arguments(prompt=…)"
    )


def _text_parameters(site: Site) -> list[str]:
    """The parameters annotated as text; of a function without annotations, its only parameter."""
    parameters = [site.signature.parameters[name] for name in site.parameters]
    texts = [p.name for p in parameters if p.annotation in (str, "str")]
    bare = [p.name for p in parameters if p.name not in {"self", "cls"}]
    if not texts and len(bare) == 1 and all(p.annotation is p.empty for p in parameters):
        return bare
    return texts
