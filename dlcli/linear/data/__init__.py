"""From a table to what training needs: moments, rows, the split, gaps, scales."""
