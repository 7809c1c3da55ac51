"""Store + Encoder -> Embeddings, and the index over them."""
