"""Windows of images, for tests that try many."""

from hypothesis import strategies as st


@st.composite
def windows(draw):
    y0, x0 = draw(st.floats(-1, 0.8)), draw(st.floats(-1, 0.8))
    return y0, x0, draw(st.floats(y0 + 0.05, 1)), draw(st.floats(x0 + 0.05, 1))
