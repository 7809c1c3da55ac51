"""What a figure may show of a store that holds what is burned in beside the sector, names among it.

Outside the sector pictures are black. Maps stay, in blocks larger than letters: a gradient has the edges of what the
network sees, so that a name could be read from it.
"""

import numpy as np
from jaxtyping import Bool, Float, Float32

BLOCKS = 12  # side by side over the picture's longer side; a burned-in letter is a fifth of a block


def hidden(picture: Float[np.ndarray, "h w"], visible: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """The picture, black where it may not be seen."""
    return np.where(visible, picture, 0).astype(picture.dtype)


def coarsened(maps: Float32[np.ndarray, "t h w"], visible: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "t h w"]:
    """Maps whose values outside what may be seen are the mean of those in their block, so that sums stay."""
    coarse = maps.copy()
    side = max(1, -(-max(maps.shape[1:]) // BLOCKS))
    for top in range(0, maps.shape[1], side):
        for left in range(0, maps.shape[2], side):
            block = np.s_[top : top + side, left : left + side]
            outside = ~visible[block]
            if outside.any():
                coarse[:, block[0], block[1]][:, outside] = maps[:, block[0], block[1]][:, outside].mean(
                    1, keepdims=True
                )
    return coarse
