"""The local web page for naming clusters, correcting labels and checking them by hand."""
