"""A PyMC model compiled for NUTS, to the same bits in every process."""

from typing import Any


def compile_model(model: Any, **options: Any) -> Any:
    """The nutpie-compiled model.

    Without fast mathematics: what PyTensor keeps compiled on disk is not inlined, so that sums might be ordered otherwise in the
    first fit of a machine than in its later ones, and every draw with them.
    """
    import nutpie
    from pytensor.configdefaults import config

    with config.change_flags(numba__fastmath=False):
        return nutpie.compile_pymc_model(model, **options)
