"""A network trained over images that stay with those who have them: clients take steps, a server averages."""
