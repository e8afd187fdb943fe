"""What exported models are made of: graphs of ONNX, and what runs them."""
