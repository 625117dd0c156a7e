"""Pure statistics: numbers in, numbers or frozen dataclasses out. Floor 1.

Each name is loaded when it is first used. What needs numpy, scipy or statsmodels comes with the
extra `stats`; `Cusum` and the e-values need none of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reliai.stats.agreement import Agreement, cohen_kappa, fleiss_kappa
    from reliai.stats.arms import sample_ratio_e_value
    from reliai.stats.block_charts import BlockCusum, block_cusum_limit, block_means
    from reliai.stats.bootstrap import bootstrap_interval
    from reliai.stats.bounded import bounded_mean_sequence, proportion_sequence
    from reliai.stats.calibration import (
        Calibration,
        CalibrationBin,
        Discrimination,
        calibration_error,
        discrimination,
    )
    from reliai.stats.categories import ChiSquare, chi_square
    from reliai.stats.centroids import CentroidShift, centroid_shift
    from reliai.stats.confidences import ExpectedPerformance, expected_performance
    from reliai.stats.correlations import Correlation, SignFlip, correlation, sign_flip
    from reliai.stats.cusum import Cusum
    from reliai.stats.differences import Comparison, paired_difference
    from reliai.stats.events import event_e_value
    from reliai.stats.interval import Interval
    from reliai.stats.judges import (
        SwapVerdicts,
        corrected_share,
        prediction_powered_mean,
        swap_verdicts,
    )
    from reliai.stats.mcnemar import mcnemar_exact
    from reliai.stats.means import mean_interval
    from reliai.stats.multiplicity import Adjusted, adjust, false_alarm_chance
    from reliai.stats.passes import pass_at_k, pass_hat_k, runs_to_see
    from reliai.stats.power import (
        detectable_effect,
        discordant_sample_size,
        sample_size,
        t_sample_size,
    )
    from reliai.stats.production import ProductionEstimate, production_estimate
    from reliai.stats.proportions import missing_bounds, proportion_interval
    from reliai.stats.reliability import krippendorff_alpha
    from reliai.stats.repeats import VarianceComponents, variance_components
    from reliai.stats.sequences import (
        MeanSequence,
        StratifiedDifference,
        mean_sequence,
        stratified_difference,
    )
    from reliai.stats.sign import sign_e_value
    from reliai.stats.spikes import Spike, robust_spike
    from reliai.stats.stability import Psi, psi
    from reliai.stats.two_shares import TwoProportion, two_proportion

__all__ = [
    "Adjusted",
    "Agreement",
    "BlockCusum",
    "Calibration",
    "CalibrationBin",
    "CentroidShift",
    "ChiSquare",
    "Comparison",
    "Correlation",
    "Cusum",
    "Discrimination",
    "ExpectedPerformance",
    "Interval",
    "MeanSequence",
    "ProductionEstimate",
    "Psi",
    "SignFlip",
    "Spike",
    "StratifiedDifference",
    "SwapVerdicts",
    "TwoProportion",
    "VarianceComponents",
    "adjust",
    "block_cusum_limit",
    "block_means",
    "bootstrap_interval",
    "bounded_mean_sequence",
    "calibration_error",
    "centroid_shift",
    "chi_square",
    "cohen_kappa",
    "corrected_share",
    "correlation",
    "detectable_effect",
    "discordant_sample_size",
    "discrimination",
    "event_e_value",
    "expected_performance",
    "false_alarm_chance",
    "fleiss_kappa",
    "krippendorff_alpha",
    "mcnemar_exact",
    "mean_interval",
    "mean_sequence",
    "missing_bounds",
    "paired_difference",
    "pass_at_k",
    "pass_hat_k",
    "prediction_powered_mean",
    "production_estimate",
    "proportion_interval",
    "proportion_sequence",
    "psi",
    "robust_spike",
    "runs_to_see",
    "sample_ratio_e_value",
    "sample_size",
    "sign_e_value",
    "sign_flip",
    "stratified_difference",
    "swap_verdicts",
    "t_sample_size",
    "two_proportion",
    "variance_components",
]

# A module never has the name of what it offers: once loaded, it would stand in its way.
_MODULES = {
    "Adjusted": "multiplicity",
    "Agreement": "agreement",
    "BlockCusum": "block_charts",
    "Calibration": "calibration",
    "CalibrationBin": "calibration",
    "CentroidShift": "centroids",
    "ChiSquare": "categories",
    "Comparison": "differences",
    "Correlation": "correlations",
    "Cusum": "cusum",
    "Discrimination": "calibration",
    "ExpectedPerformance": "confidences",
    "Interval": "interval",
    "MeanSequence": "sequences",
    "ProductionEstimate": "production",
    "Psi": "stability",
    "SignFlip": "correlations",
    "Spike": "spikes",
    "StratifiedDifference": "sequences",
    "SwapVerdicts": "judges",
    "TwoProportion": "two_shares",
    "VarianceComponents": "repeats",
    "adjust": "multiplicity",
    "block_cusum_limit": "block_charts",
    "block_means": "block_charts",
    "bootstrap_interval": "bootstrap",
    "bounded_mean_sequence": "bounded",
    "calibration_error": "calibration",
    "centroid_shift": "centroids",
    "chi_square": "categories",
    "cohen_kappa": "agreement",
    "corrected_share": "judges",
    "correlation": "correlations",
    "detectable_effect": "power",
    "discordant_sample_size": "power",
    "discrimination": "calibration",
    "event_e_value": "events",
    "expected_performance": "confidences",
    "false_alarm_chance": "multiplicity",
    "fleiss_kappa": "agreement",
    "krippendorff_alpha": "reliability",
    "mcnemar_exact": "mcnemar",
    "mean_interval": "means",
    "mean_sequence": "sequences",
    "missing_bounds": "proportions",
    "paired_difference": "differences",
    "pass_at_k": "passes",
    "pass_hat_k": "passes",
    "prediction_powered_mean": "judges",
    "production_estimate": "production",
    "proportion_interval": "proportions",
    "proportion_sequence": "bounded",
    "psi": "stability",
    "robust_spike": "spikes",
    "runs_to_see": "passes",
    "sample_ratio_e_value": "arms",
    "sample_size": "power",
    "sign_e_value": "sign",
    "sign_flip": "correlations",
    "stratified_difference": "sequences",
    "swap_verdicts": "judges",
    "t_sample_size": "power",
    "two_proportion": "two_shares",
    "variance_components": "repeats",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        from reliai.stats._needs import needed  # noqa: PLC0415

        return getattr(needed(f"{__name__}.{_MODULES[name]}"), name)
