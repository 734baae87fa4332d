"""Networks that ship or that several systems share: tensors in, tensors out."""
