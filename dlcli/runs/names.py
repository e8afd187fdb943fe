"""The names of the files of a run directory, for those who only look at one: nothing heavy is imported here."""

CONFIG = "config.toml"
MODEL = "model.safetensors"
METRICS = "metrics.jsonl"
REPORT = "report.json"
PATH = "path.csv"
PLOTS = "plots"
STATE = "checkpoint/state.safetensors"
PAGE = "report.html"
EXPLAINED = "explain.json"
EXPLAINED_PAGE = "explain.html"
CONTRIBUTIONS = "shap"  # .csv or .parquet
EVENTS = "tensorboard"  # a folder
MLFLOW = "mlflow.json"  # which run of MLflow it is
