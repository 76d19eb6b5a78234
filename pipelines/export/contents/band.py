"""The band in which a classifier hears."""

from __future__ import annotations

from soundbeam.model.classifier.bundle import load_bundle
from soundbeam.model.errors import OptionError, SoundbeamError
from soundbeam.pipelines.output.run_info import ScanParameters


def heard_band(parameters: ScanParameters, classifier: str | None) -> tuple[float, float]:
    """The lowest and the highest frequency that a scan's classifier hears, Hz.

    Args:
        parameters: Of the scan.
        classifier: URL of the bundle; None: where it was then. If it is there no more, all frequencies up to half of
            its rate count, which the scan's parameters tell.

    Raises:
        SoundbeamError: ``classifier`` is no bundle, or that of another scan.
    """
    everything = (0.0, parameters.rate / 2)
    try:
        bundle = load_bundle(classifier or parameters.classifier)
    except SoundbeamError:
        if classifier:
            raise
        return everything
    if bundle.fingerprint != parameters.fingerprint:
        if classifier:
            raise OptionError(f"classifier {classifier} is another one than the scan's ({parameters.fingerprint[:12]})")
        return everything
    return band_of(bundle.front_end) or everything


def band_of(front_end: dict) -> tuple[float, float] | None:
    """The band of a front end, Hz; None where all frequencies are heard."""
    from soundbeam.model.frontend.config import FrontEndConfig

    if not front_end:
        return None
    bands = [
        (features.low_hz, features.high_hz)
        for features in FrontEndConfig.from_plain(front_end).features
        if hasattr(features, "low_hz") and hasattr(features, "high_hz")
    ]
    return (min(low for low, _ in bands), max(high for _, high in bands)) if bands else None
