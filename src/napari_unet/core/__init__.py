"""Arrays and tensors in, arrays and tensors out; knows no viewer."""
