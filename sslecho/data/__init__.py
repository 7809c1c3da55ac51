"""Files -> Store: readers, ingest, splits, and the store itself."""
