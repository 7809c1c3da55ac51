import numpy as np
import pytest
from scipy import stats

from sslecho.data.keyed import uniforms


def test_uniform_and_independent():
    u = uniforms(5, 2, np.arange(20_000), 1, 6)
    assert u.dtype == np.float32
    assert 0 <= u.min()
    assert u.max() < 1
    for column in u.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3
    correlation = np.corrcoef(u.T) - np.eye(6)
    assert np.abs(correlation).max() < 0.03


@pytest.mark.parametrize("change", [{"seed": 6}, {"epoch": 3}, {"view": 0}, {"frames": np.arange(1, 101)}])
def test_every_key_counts(change):
    key = {"seed": 5, "epoch": 2, "frames": np.arange(100), "view": 1}
    here, there = (uniforms(count=4, **k) for k in (key, {**key, **change}))
    assert np.mean(here == there) < 0.01
    assert abs(np.corrcoef(here.ravel(), there.ravel())[0, 1]) < 0.2


def test_golden_numbers():
    # Changing them would change every run that is resumed or repeated.
    golden = [[0.4714103937149048, 0.7247520685195923], [0.7816823124885559, 0.19231826066970825]]
    assert uniforms(0, 0, np.array([0, 1]), 0, 2).tolist() == golden
