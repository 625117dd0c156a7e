"""OpenFeature, both ways: rollouts as flags, and flags of any provider as what `Route` asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reliai._core.ambient import context
from reliai._core.complaints import warn_once
from reliai._needs import needed
from reliai.decisions.assignment import unit_text
from reliai.decisions.choice import Choice
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openfeature.client import OpenFeatureClient
    from openfeature.evaluation_context import EvaluationContext
    from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType
    from openfeature.provider import AbstractProvider, Metadata

    from reliai.rollout import Rollout
else:
    AbstractProvider = needed("openfeature.provider", "openfeature").AbstractProvider

__all__ = ["FlagChooser", "RolloutProvider"]

_REASONS: Final = {
    "SPLIT": "SPLIT",
    "FORCED": "TARGETING_MATCH",
    "NOT_TARGETED": "TARGETING_MATCH",
    "NO_UNIT": "DEFAULT",
    "KILLED": "DISABLED",
    "NOT_BEGUN": "DISABLED",
    "ROLLED_BACK": "STATIC",
    "PROMOTED": "STATIC",
    "STALE": "STALE",
    "ERROR": "ERROR",
}
"""Those of OpenFeature; the others are a "SPLIT": a unit is drawn for them too."""
_KINDS: Final[dict[str, tuple[type[Any], ...]]] = {
    "boolean": (bool,),
    "string": (str,),
    "integer": (int,),
    "float": (float, int),
    "object": (dict, list, tuple),
}


class RolloutProvider(AbstractProvider):
    """Rollouts as flags of OpenFeature: `api.set_provider(RolloutProvider(ro))`.

    The name of a rollout is the flag's, its variants' values the flag's values. The targeting key
    is the unit; without one the subject that the code here runs for. Texts among the attributes are
    the tags that `target=` looks at. Rollout, version, reason, share and phase are in the flag's
    metadata. Only calls that go through `Route` are counted: an evaluation alone comes to nothing.

    Args:
        *rollouts: whose variants are values, not functions.

    Raises:
        ConfigurationError: for what is no rollout, one whose variants are functions, or two of one
            name.
    """

    def __init__(self, *rollouts: Rollout) -> None:
        super().__init__()
        self._rollouts: dict[str, Rollout] = {}
        for each in rollouts:
            self._rollouts[_checked(each, self._rollouts)] = each

    def get_metadata(self) -> Metadata:
        from openfeature.provider import Metadata  # noqa: PLC0415  an extra

        return Metadata(name="reliai")

    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,  # noqa: FBT001  as OpenFeature has it
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        return self._resolved("boolean", flag_key, default_value, evaluation_context)

    def resolve_string_details(
        self,
        flag_key: str,
        default_value: str,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[str]:
        return self._resolved("string", flag_key, default_value, evaluation_context)

    def resolve_integer_details(
        self,
        flag_key: str,
        default_value: int,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[int]:
        return self._resolved("integer", flag_key, default_value, evaluation_context)

    def resolve_float_details(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[float]:
        return self._resolved("float", flag_key, default_value, evaluation_context)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        return self._resolved("object", flag_key, default_value, evaluation_context)

    def _resolved(
        self, kind: str, flag: str, default: Any, given: EvaluationContext | None
    ) -> FlagResolutionDetails[Any]:
        from openfeature.exception import ErrorCode  # noqa: PLC0415  an extra
        from openfeature.flag_evaluation import FlagResolutionDetails, Reason  # noqa: PLC0415

        rollout = self._rollouts.get(flag)
        if rollout is None:
            said = f"there is no rollout {flag!r}"
            code = ErrorCode.FLAG_NOT_FOUND
            return FlagResolutionDetails(default, code, said, Reason.ERROR)
        choice = _chosen(rollout, given)
        value = choice.value
        fits = isinstance(value, _KINDS[kind]) and isinstance(value, bool) == (kind == "boolean")
        if not fits:
            said = f"the {choice.name} of {flag!r} is of type {type(value).__name__}, no {kind}"
            return FlagResolutionDetails(default, ErrorCode.TYPE_MISMATCH, said, Reason.ERROR)
        return FlagResolutionDetails(
            value=float(value) if kind == "float" else value,
            reason=Reason(_REASONS.get(choice.reason, "SPLIT")),
            variant=choice.name,
            flag_metadata=_metadata(rollout, choice),
        )


def _checked(rollout: Any, known: Mapping[str, Any]) -> str:
    name, variants = getattr(rollout, "name", None), getattr(rollout, "variants", None)
    if not isinstance(name, str) or not variants or not callable(getattr(rollout, "choose", None)):
        raise ConfigurationError(f"RolloutProvider({rollout!r}): must be a Rollout")
    if any(callable(each) for each in variants.values()):
        raise ConfigurationError(
            f"RolloutProvider: the variants of {name!r} are functions; a flag has values. Guard "
            "the function with Route(rollout)"
        )
    if name in known:
        raise ConfigurationError(f"RolloutProvider: {name!r} is there twice; give it once")
    return name


def _chosen(rollout: Rollout, given: EvaluationContext | None) -> Choice:
    unit = None if given is None else given.targeting_key or None
    texts = {k: v for k, v in given.attributes.items() if isinstance(v, str)} if given else {}
    if not texts:
        return rollout.choose(unit)
    with context(tags=texts):
        return rollout.choose(unit)


def _metadata(rollout: Rollout, choice: Choice) -> dict[str, bool | int | float | str]:
    told: dict[str, Any] = {
        "rollout": rollout.name,
        "version": choice.version,
        "reason": choice.reason,
        "share": choice.share,
        "phase": choice.phase,
    }
    return {name: value for name, value in told.items() if value is not None}


class FlagChooser:
    """A flag of whatever provider OpenFeature has, as what `Route` asks.

    So calls go where the flag says, and the record tells the variant:
    `Route(FlagChooser("tone", {"on": kind, "off": plain}, "off"), into="template")`.

    Args:
        flag: its key; a flag whose values are texts.
        variants: what each of its values stands for: a function, or the value of an argument.
        default: the value that is meant when the flag cannot be evaluated.
        unit: who it is evaluated for, as `key=` of other policies.
        client: of OpenFeature; None for that of the default domain.

    Raises:
        ConfigurationError: when the default is none of the variants.
    """

    def __init__(
        self,
        flag: str,
        variants: Mapping[str, Any],
        default: str,
        *,
        unit: Any = "subject",
        client: OpenFeatureClient | None = None,
    ) -> None:
        if default not in variants:
            raise ConfigurationError(
                f"FlagChooser(default={default!r}): is none of {', '.join(map(repr, variants))}"
            )
        self.name = flag
        self.variants = dict(variants)
        self.unit = unit
        self._default = default
        self._client = client

    def choose(self, unit: Any = None) -> Choice:
        """The variant for a unit; never raises."""
        who: str | None = None
        try:
            who = unit_text(unit)
            details = self._details(who)
        except Exception as error:  # noqa: BLE001  of a provider; calls go on
            warn_once(
                f"flag:{self.name}:{type(error).__name__}",
                f"the flag {self.name} cannot be evaluated ({type(error).__name__}); "
                f"{self._default!r} is chosen",
            )
            return Choice(self._default, self.variants[self._default], "ERROR", unit=who)
        reason = str(details.reason or "UNKNOWN").rpartition(".")[2]
        if details.value not in self.variants:
            warn_once(
                f"flag:{self.name}:{details.value}",
                f"the flag {self.name} has a value that is none of "
                f"{', '.join(map(repr, self.variants))}; {self._default!r} is chosen",
            )
            return Choice(self._default, self.variants[self._default], "ERROR", unit=who)
        version = details.flag_metadata.get("version")
        told = None if version is None else str(version)
        return Choice(details.value, self.variants[details.value], reason, told, unit=who)

    def _details(self, who: str | None) -> Any:
        from openfeature import api  # noqa: PLC0415  an extra
        from openfeature.evaluation_context import EvaluationContext  # noqa: PLC0415  the same

        client = self._client or api.get_client()
        return client.get_string_details(
            self.name, self._default, EvaluationContext(targeting_key=who)
        )
