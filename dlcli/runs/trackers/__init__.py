"""Runs, as they go, in the tools in which others look at theirs: TensorBoard and MLflow.

What is written is what the run directory has, under the same names; neither has a say in the training.
"""
