"""What training minimizes: the Loss protocol, and the losses that compare an output with its target."""
