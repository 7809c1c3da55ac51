"""Protocols: questions that are asked of embeddings and answered in Scores."""
