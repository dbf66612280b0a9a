"""Names that columns go by: of N, D, C and the loss, and of what else a table of runs may say."""

ALIASES = {
    "N": ("n", "params", "param", "parameters", "n_params", "num_params", "nparams", "n_parameters", "num_parameters",
          "param_count", "params_count", "parameter", "parameter_count", "model_size", "size", "model_params",
          "model_parameters", "params_active",
          "active_params", "active_parameters", "n_active", "activated_params", "activated_parameters", "n_activated",
          "params_activated", "params_total", "total_params", "total_parameters", "n_total",
          "params_non_embedding", "non_embedding_params", "non_embedding_parameters", "non_embedding_size", "n_non_embedding",
          "params_no_embedding", "params_no_embed", "non_emb_params", "non_emb_parameters", "params_non_emb", "n_non_emb",
          "nonembedding_params", "nonembed_params", "non_embed_params", "nonemb_params", "n_nonembed", "n_nonembedding",
          "n_nonemb", "n_non_embed", "params_nonembed", "params_nonembedding", "params_nonemb", "trainable_params",
          "n_param", "nonembedding_parameters", "params_without_embeddings", "params_excl_embeddings", "trainable_parameters",
          "numel", "model_numel", "model"),
    "D": ("d", "tokens", "d_tokens", "n_tok", "training_tokens", "train_tokens",
          "n_tokens", "num_tokens", "ntokens", "total_tokens", "token_count",
          "tokens_trained", "tokens_seen", "seen_tokens", "tokens_consumed", "consumed_tokens", "n_train_tokens",
          "num_train_tokens", "training_data", "data_size", "dataset_size", "dataset_tokens", "data_tokens", "toks", "n_toks",
          "num_toks", "train_toks", "total_training_tokens", "total_train_tokens", "num_input_tokens_seen", "input_tokens_seen",
          "consumed_train_tokens", "tokens_processed", "processed_tokens", "pretraining_tokens", "token_budget",
          "total_tokens_seen", "tokens_total", "tok", "data"),
    "C": ("c", "flops", "flop", "compute", "training_flops", "training_flop", "train_flops", "total_flops", "n_flops", "num_flops",
          "total_flos", "training_compute", "train_compute", "compute_budget", "flop_budget", "flops_budget", "compute_flops",
          "budget"),
    "loss": ("loss", "l", "val_loss", "validation_loss", "valid_loss", "eval_loss", "test_loss", "dev_loss", "final_loss",
             "final_val_loss", "final_eval_loss", "final_validation_loss", "loss_val", "loss_eval", "lm_loss", "val_lm_loss",
             "cross_entropy", "cross_entropy_loss", "ce", "ce_loss", "xent", "nll", "log_loss", "bpb", "val_bpb", "bits_per_byte",
             "bits_per_token", "bits_byte", "bits_token", "ppl", "perplexity", "val_ppl", "val_perplexity", "eval_ppl",
             "eval_perplexity", "valid_ppl",
             "nats_per_token", "bpc", "bits_per_character", "bits_per_char", "log_ppl", "log_perplexity", "ln_ppl", "ln_perplexity",
             "val_ce", "eval_ce", "val_nll", "val_cross_entropy", "valid_cross_entropy", "eval_cross_entropy"),
}
LAST = {"N": ("size", "model"), "D": ("dataset_size", "data_size", "training_data", "dataset_tokens", "data"), "C": ("budget",),
        "loss": ("l",)}  # names that count where there is no better one
BYTES_A_TOKEN = ("bytes_per_token", "bytes_token", "bytes_per_tok", "bytes_tok")
KEPT = ("bytes_per_token", "width", "budget")  # what a prior or a group effect reads
ROLES = {
    "run": ("run", "run_id", "runid", "run_name", "name", "id", "uid", "wandb_id", "experiment", "experiment_id", "exp_name",
            "experiment_name", "job", "job_id", "job_name", "model_name", "curve", "model"),
    "unique": ("unique", "unique_tokens", "tokens_unique", "d_unique", "unique_d", "dataset_tokens", "corpus_tokens", "corpus_size",
               "train_set_size", "data_budget", "unique_data_budget", "u_d", "u", "tokens_per_epoch", "subset_tokens",
               "dataset_size",
               "train_set_tokens", "epoch_size", "epoch_tokens", "one_epoch_tokens"),
    "epochs": ("epochs", "epoch", "passes", "repeats", "repetitions", "repetition_factor", "repeat_factor", "times_repeated"),
    "status": ("status", "state", "run_status", "run_state"),
    "seed": ("seed", "random_seed", "rng_seed", "data_seed", "init_seed", "replicate", "repeat", "rep", "trial", "torch_seed",
             "global_seed", "run_seed", "training_seed", "seed_idx", "seed_id", "seeds", "replica"),
    "fresh": ("unique_fraction", "fraction_unique", "fresh_fraction"),
    "vocabulary": ("vocab", "vocab_size", "vocabulary", "vocabulary_size", "n_vocab"),
}
NAMED = {name for names in ROLES.values() for name in names}
STEPS = ("step", "steps", "train_steps", "training_steps", "n_steps", "num_steps", "max_steps", "total_steps", "global_step",
         "iteration", "iterations", "iters", "iter", "n_iters", "num_iters", "max_iters")  # that tokens a step make to D
RATIOS = ("tokens_per_param", "tokens_per_parameter", "token_per_param", "tokens_param", "d_n", "tpp", "ratio",
          "data_ratio")  # that N makes to D
RUN_IDS = ("run", "run_id", "runid", "run_name", "uid", "wandb_id", "curve")  # of a run itself: no name of its size
PREFIXES = ("metrics", "metric", "params", "parameters", "config", "summary", "data", "eval", "validation", "val", "valid",
            "test", "model",
            "args", "hparams", "hyperparameters", "cfg", "throughput")
HELD_OUT = ("val", "valid", "validation", "eval", "test", "dev")  # of a loss, first words that a bare loss gives way to
ERRORS = ("std", "sd", "se", "sem", "stderr", "var", "ci")  # last words of what is no loss
SIZE_OF_TEXT = ("dataset_size", "dataset_tokens", "data_size")  # that epochs multiply to D
PLANNED_STEPS = ("max_steps", "total_steps", "max_iters", "n_steps", "num_steps", "train_steps", "training_steps")
NO_LOSS = {"delta", "excess", "reducible", "irreducible", "relative", "diff", "difference", "predicted", "pred", "expected", "gap"}
DONE = ("finished", "completed", "complete", "done", "converged", "success", "succeeded", "final")  # true of a run that ended
BROKEN = ("diverged", "crashed", "failed", "killed", "aborted", "unfinished", "incomplete", "nan")  # false of one that ended

# words of a header, in any order
NO_BATCH = {"micro", "device", "eval", "accum", "accumulation"}  # of a batch that changes no training
LOSSES = {"loss", "losses", "ppl", "perplexity", "bpb", "bpc", "nll", "xent"}
ACTIVE = {"active", "activated", "act"}
PARAMETERS = {"n", "num", "number", "of", "param", "params", "parameter", "parameters", "model", "size", "count", "total"}
FRESH, POOL = {"unique", "fresh", "distinct", "uniq"}, {"pool", "subset", "available", "dedup", "deduplicated"}
STALE = {"repeated", "duplicate", "duplicated", "dup"}  # of a share: what is not unique
SHARE = {"fraction", "frac", "share", "ratio", "proportion"}
PERCENT = {"percent", "pct", "percentage"}
PASSES = {"epoch", "epochs", "passes", "repeats", "repetitions", "repetition"}
NUMBERED = {"repeat", "repeats", "repetition", "repetitions"}  # that may number the runs of a cell
SUSPECT = {"repeat", "subset", "uniqueness", "multiplicity", "upsample", "upsampling", "oversampling"}  # of repeated text, perhaps
TOKENS = {"token", "tokens", "toks", "size", "d"}
AROUND = {"n", "num", "number", "of", "no", "train", "training", "trainer", "data", "dataset", "text", "corpus", "total", "max",
          "over", "the", "factor", "count", "times", "final", "last", "effective", "config", "trained", "completed",
          "one"}  # that add nothing to a word of these
ELSEWHERE = {"id", "name", "hash", "time", "seconds", "sec", "s", "hours", "per", "step", "steps", "lr", "eval", "at", "warmup",
             "save", "every", "interval"}  # beside a word of passes: another thing
EVALUATED = ("split", "dataset", "eval_dataset", "eval_set", "domain", "task", "metric", "benchmark", "subset", "validation_set",
             "val_set", "test_set", "eval_split")  # what a loss was measured on
PLACES = {"host", "hostname", "node", "date", "time", "timestamp", "created", "commit", "git", "sha", "runtime", "user", "attempt",
          "order", "gpu", "gpus", "machine", "cluster", "device", "seconds", "hours", "started", "ended", "duration", "path",
          "notes", "tags", "init", "shuffle"}  # where and when a run was, and what a seed decides: no settings
TUNED = {"lr", "rate", "bs", "batch", "batchsize", "warmup", "decay", "wd", "beta", "beta1", "beta2", "momentum", "dropout", "clip",
         "optimizer", "optim", "optimiser", "scheduler", "schedule", "eps", "epsilon", "cooldown"}  # in a cell
