"""The data engine: image pairs with exact truth, from three kinds of sources.

`engine` makes `pairs`: `recordings`, `animated` photographs and rendered `heads`; `flows` computes
how their pixels move, `held_out` names what nothing is learnt from.
"""
