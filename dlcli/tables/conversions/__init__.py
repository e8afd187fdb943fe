"""Sources that are turned into a temporary file first: sheets of a workbook, and results of a query."""
