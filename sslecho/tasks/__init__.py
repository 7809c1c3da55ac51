"""Embeddings or a store (and labels) -> predictions: one file a task, and no task knows another."""
