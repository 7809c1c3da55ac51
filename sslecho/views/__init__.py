"""Batched augmentations on the device: draw the parameters first, then apply them."""
