"""How recurrent layers begin, as STFM's and as all of ours."""

import torch
from torch import nn


@torch.no_grad()
def begin_recurrent(layer: nn.LSTM | nn.GRU) -> None:
    """Xavier weights for inputs, orthogonal ones for states, biases 0 but for the forget gates'.

    An LSTM's forget gate has 1 in both of its bias tensors, so 2 in effect, as the authors' code of STFM has it: a new
    network remembers. A GRU has no forget gate.
    """
    for name, value in layer.named_parameters():
        if name.startswith("weight_ih"):
            nn.init.xavier_uniform_(value)
        elif name.startswith("weight_hh"):
            nn.init.orthogonal_(value)
        else:
            value.zero_()
            if isinstance(layer, nn.LSTM):  # the gates' order is input, forget, cell, output
                value[layer.hidden_size : 2 * layer.hidden_size] = 1
