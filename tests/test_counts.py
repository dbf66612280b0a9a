"""Parameter and FLOP accounting against figures worked out elsewhere."""

import pytest

from study.counts import exact_flops_per_token, parameter_counts


@pytest.mark.parametrize(("width", "layers", "millions"), [(256, 6, 4.72), (512, 6, 18.87), (1024, 8, 100.66)])
def test_the_lab_s_shapes(width: int, layers: int, millions: float) -> None:
    assert parameter_counts(width, layers, 50_257).non_embedding / 1e6 == pytest.approx(millions, abs=0.005)


def test_exact_flops_by_hand() -> None:
    # width 48, 3 layers, V 1,024, T 256: 6 (82,944 + 49,152) + 6 * 3 * 48 * 256
    assert exact_flops_per_token(48, 3, 1024, 256) == 6 * (82_944 + 49_152) + 221_184


def test_share_of_multiplying_parameters() -> None:
    # 6 (N_non_embedding + d V) is .73-.91 of the exact FLOPs over the widths of the CPU grids
    for width, layers in ((16, 2), (48, 3), (192, 6)):
        share = 6 * parameter_counts(width, layers, 1024).multiplying / exact_flops_per_token(width, layers, 1024, 256)
        assert 0.7 < share < 0.92


def test_conventions() -> None:
    counts = parameter_counts(16, 2, 100)
    assert (counts.by("non_embedding"), counts.by("multiplying"), counts.by("total")) == (6144, 7744, 9344)
    with pytest.raises(ValueError, match="convention"):
        counts.by("embedding-free")
