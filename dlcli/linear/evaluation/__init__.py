"""What eval measures of a linear model, chunk by chunk: classes, numbers, and rows drawn for pictures."""
