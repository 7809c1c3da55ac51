"""A view's random numbers: a pure function of (seed, epoch, frame, view, position), see `data/keyed.py`."""

from sslecho.data.keyed import uniforms

__all__ = ["uniforms"]
