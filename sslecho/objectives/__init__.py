"""Self-supervised objectives, one file each: equation, pure loss, settings, class."""

from sslecho.registry import Registry

OBJECTIVES = Registry("objective", "sslecho.objectives")
