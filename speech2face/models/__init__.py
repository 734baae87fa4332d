"""Networks: tensors in, tensors out; no files, devices, logging or randomness."""
