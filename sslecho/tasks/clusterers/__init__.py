"""Methods of clustering, one file each, registered under its name. `clusterer.py` says what each is."""

from sslecho.registry import Registry

CLUSTERERS = Registry("clustering method", "sslecho.tasks.clusterers", shared=("clusterer", "centroids"))
