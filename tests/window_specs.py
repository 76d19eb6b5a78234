"""Windows of many rates, lengths and hops."""

from hypothesis import strategies as st

from soundbeam.model.windows import WindowSpec


@st.composite
def specs(draw):
    """A hop of whole samples or not, at most a window."""
    rate = draw(st.sampled_from([50, 100, 441, 1000]))
    window = draw(st.integers(2, 120))
    hop = draw(st.floats(1.0, window)) if draw(st.booleans()) else float(draw(st.integers(1, window)))
    return WindowSpec(rate, window / rate, min(hop / rate, window / rate))
