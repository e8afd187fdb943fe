"""Names that other programs give to the options which several commands have; see ``OptionMeta.also``."""

SEED = "random_state random_seed rng rng_seed manual_seed seed_everything"
DEVICE = "accelerator devices gpu_id gpus"
DEVICE_VALUES: dict[str, str | bool] = {
    "gpu": "cuda", "cuda": "cuda", "use_gpu": "cuda", "use_cuda": "cuda", "cpu": "cpu", "no_gpu": "cpu",
    "no_cuda": "cpu", "use_cpu": "cpu",
}  # fmt: skip
MISSING = "na_action handle_missing imputer nan_policy"
MISSING_VALUES: dict[str, str | bool] = {
    "dropna": "drop", "drop_na": "drop", "na_rm": "drop", "drop_missing": "drop", "na_omit": "drop",
    "fillna": "mean", "impute": "mean", "fill_missing": "mean",
}  # fmt: skip
THREADS = "num_threads n_threads nthreads cpus cores num_workers n_workers workers n_jobs jobs j"
DATA = (
    "i input inputs input_file input_dir file files filename path data dataset data_dir data_path csv train_data "
    "train_file training_data train_dir"
)
LR = (
    "learning_rate learn_rate lrate lr_rate base_lr init_lr initial_lr max_lr learning_rate_init eta eta0 "
    "step_size alpha"
)
STEPS = (
    "step max_steps num_steps n_steps train_steps max_step iter iters iterations max_iter maxiter max_iters "
    "max_iterations n_iter niter num_iter num_iters num_iterations n_iterations"
)
BATCH_SIZE = "b bs batch batch_sz minibatch minibatch_size mini_batch_size train_batch_size per_device_train_batch_size"
OPTIMIZER = "optim opt optimiser optimizer_name solver algorithm method engine"
REPORT_EVERY = (
    "log_every log_interval log_freq log_every_n_steps logging_steps print_every print_freq eval_every eval_steps "
    "val_check_interval report_interval"
)
L1 = "lasso l1_reg l1_penalty l1_regularization l1_lambda reg_alpha l1_ratio"
L2 = (
    "ridge l2_reg l2_penalty l2_regularization l2_lambda reg reg_lambda regularization regularisation lambda lambda_ "
    "penalty alpha l1_ratio weight_decay wd"
)
VAL = (
    "validation validation_split validation_fraction validation_size validation_ratio val_split val_size val_fraction "
    "val_frac val_ratio val_pct valid valid_size valid_fraction test_size test_split test_fraction split holdout "
    "hold_out dev_size"
)
EARLY_STOP = (
    "patience early_stopping early_stopping_patience early_stopping_rounds early_stopping_round earlystop es_patience "
    "n_iter_no_change"
)
MINUTES = "max_minutes max_time timeout time_limit max_seconds seconds hours duration budget"
SCHEDULE = "scheduler lr_schedule lr_scheduler lr_scheduler_type lr_policy learning_rate_schedule learning_rate_policy"
