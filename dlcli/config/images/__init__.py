"""Options of train-deconv that are a subject of their own: the task, and the images."""
