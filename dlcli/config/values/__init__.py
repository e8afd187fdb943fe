"""What the text of an option stands for, where that takes more than a type."""
