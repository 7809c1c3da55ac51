"""The only door to FAISS: nearest neighbors of embeddings, with an item's own clip or patient left out."""
