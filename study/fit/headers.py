"""Which column of a file is N, D, C or the loss, and in which unit its header says it is written."""

import re
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from study.fit.raw import SHOWN, TableError, listed
from study.fit.sizes import SCALES, SUPERSCRIPTS

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
          "trainable_parameters", "numel", "model_numel", "model"),
    "D": ("d", "tokens", "d_tokens", "n_tok", "training_tokens", "train_tokens",
          "n_tokens", "num_tokens", "ntokens", "total_tokens", "token_count",
          "tokens_trained", "tokens_seen", "seen_tokens", "tokens_consumed", "consumed_tokens", "n_train_tokens",
          "num_train_tokens", "training_data", "data_size", "dataset_size", "dataset_tokens", "data_tokens", "toks", "n_toks",
          "num_toks", "train_toks", "total_training_tokens", "total_train_tokens", "num_input_tokens_seen", "input_tokens_seen",
          "consumed_train_tokens", "tokens_processed", "processed_tokens", "data"),
    "C": ("c", "flops", "flop", "compute", "training_flops", "training_flop", "train_flops", "total_flops", "n_flops", "num_flops",
          "training_compute", "train_compute", "compute_budget", "flop_budget", "flops_budget", "compute_flops", "budget"),
    "loss": ("loss", "l", "val_loss", "validation_loss", "valid_loss", "eval_loss", "test_loss", "dev_loss", "final_loss",
             "final_val_loss", "final_eval_loss", "final_validation_loss", "loss_val", "loss_eval", "lm_loss", "val_lm_loss",
             "cross_entropy", "cross_entropy_loss", "ce", "ce_loss", "xent", "nll", "log_loss", "bpb", "val_bpb", "bits_per_byte",
             "bits_per_token", "bits_byte", "bits_token", "ppl", "perplexity", "val_ppl", "val_perplexity", "eval_ppl",
             "eval_perplexity", "valid_ppl",
             "nats_per_token", "bpc", "bits_per_char", "log_ppl", "log_perplexity", "ln_ppl", "ln_perplexity",
             "val_ce", "eval_ce", "val_nll", "val_cross_entropy", "valid_cross_entropy", "eval_cross_entropy"),
}
LAST = {"N": ("size", "model"), "D": ("dataset_size", "data_size", "training_data", "dataset_tokens", "data"), "C": ("budget",),
        "loss": ("l",)}  # names that count where there is no better one
KEPT = ("bytes_per_token", "width", "budget")  # what a prior or a group effect reads
ROLES = {
    "run": ("run", "run_id", "runid", "run_name", "name", "id", "uid", "wandb_id", "experiment", "experiment_id", "exp_name",
            "experiment_name", "job", "job_id", "job_name", "model_name", "curve", "model"),
    "unique": ("unique", "unique_tokens", "tokens_unique", "d_unique", "unique_d", "n_unique_tokens", "num_unique_tokens",
               "unique_data", "unique_train_tokens", "unique_training_tokens", "distinct_tokens", "dataset_tokens",
               "corpus_tokens", "corpus_size", "train_set_size", "data_budget", "unique_data_budget", "u_d", "u", "unique_toks",
               "tokens_per_epoch", "subset_tokens"),
    "epochs": ("epochs", "epoch", "n_epochs", "num_epochs", "train_epochs", "data_epochs", "passes", "n_passes", "num_passes",
               "data_passes", "repeats", "n_repeats", "num_repeats", "data_repeats", "repetitions", "n_repetitions",
               "num_repetitions", "repetition_factor", "num_train_epochs", "max_epochs", "total_epochs", "epoch_count",
               "train_epoch", "trainer_epoch", "repeat_factor", "times_repeated", "data_repetition", "passes_over_data"),
    "status": ("status", "state", "run_status", "run_state"),
    "seed": ("seed", "random_seed", "rng_seed", "data_seed", "init_seed", "replicate", "repeat", "rep", "trial", "torch_seed",
             "global_seed", "run_seed", "training_seed", "seed_idx", "seed_id", "seeds", "replica"),
    "fresh": ("unique_fraction", "fraction_unique", "unique_frac", "frac_unique", "unique_share", "fresh_fraction"),
    "vocabulary": ("vocab", "vocab_size", "vocabulary", "vocabulary_size", "n_vocab"),
}
NAMED = {name for names in ROLES.values() for name in names}
STEPS = ("step", "steps", "train_steps", "training_steps", "n_steps", "num_steps", "max_steps", "total_steps", "global_step",
         "iteration", "iterations", "iters", "n_iters", "num_iters", "max_iters")  # that tokens a step make to D
RATIOS = ("tokens_per_param", "tokens_per_parameter", "token_per_param", "tokens_param", "d_n", "tpp", "ratio",
          "data_ratio")  # that N makes to D
RUN_IDS = ("run", "run_id", "runid", "id", "uid", "wandb_id", "experiment", "experiment_id", "job", "job_id", "curve")  # no names
UNITS = ("nats", "bits", "bits-per-byte", "nats-per-byte", "perplexity")
UNIT_WORDS = {"nats": "nats", "nat": "nats", "nats_token": "nats", "nats_per_token": "nats", "bits": "bits", "bit": "bits",
              "bits_token": "bits", "bits_per_token": "bits", "bpt": "bits", "bits_byte": "bits-per-byte",
              "bits_per_byte": "bits-per-byte", "bpb": "bits-per-byte", "bpc": "bits-per-byte", "bits_char": "bits-per-byte",
              "bits_per_char": "bits-per-byte", "bits_per_character": "bits-per-byte", "nats_byte": "nats-per-byte",
              "nats_per_byte": "nats-per-byte", "ppl": "perplexity", "perplexity": "perplexity"}
PREFIXES = ("metrics", "metric", "params", "config", "summary", "data", "eval", "validation", "val", "valid", "test", "model",
            "args", "hparams", "hyperparameters", "cfg", "throughput")
HELD_OUT = ("val", "valid", "validation", "eval", "test", "dev")  # of a loss, first words that a bare loss gives way to
ERRORS = ("std", "sd", "se", "sem", "stderr", "var", "ci")  # last words of what is no loss
LOGGED = re.compile(r"(?:^|_)(log|ln|log2)_(?:ppl|perplexity)$")  # nats already; bits of log2
LOG_OF = re.compile(r"(?:^|_)(?:log2|log10|ln)(?:_|$)")  # a logarithm of the loss, or a loss in bits
SIZE_OF_TEXT = ("dataset_size", "dataset_tokens", "data_size")  # that epochs multiply to D
BYTES = {"kb", "mb", "gb", "tb", "kib", "mib", "gib", "tib", "bytes", "byte"}
FLOP = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15, "e": 1e18, "z": 1e21, "y": 1e24, "kilo": 1e3, "mega": 1e6,
        "giga": 1e9, "tera": 1e12, "peta": 1e15, "exa": 1e18, "zetta": 1e21, "yotta": 1e24}
DAY = 86400.0  # seconds: of a PF-day


@dataclass(frozen=True)
class Header:
    """One column's name, read."""

    name: str  # as the file has it
    plain: str  # lower case, words joined by underscores, without its unit
    scale: float  # 1e9 for "Tokens (B)"
    unit: str  # of a loss, one of `UNITS`; "bytes" of a text; "" where it does not say


def read_header(name: str) -> Header:
    """The plain name of a column and the unit that its header states: `Tokens (B)` is tokens, times 1e9."""
    text, scale, unit = name.strip(), 1.0, ""
    if re.search(r"\S *\* *\S", re.sub(r"[(\[{][^)\]}]*[)\]}]", "", text)):
        return Header(name, _plain(text), 1.0, "")  # a product of columns, each read under its own header
    for found in re.findall(r"[(\[{]([^)\]}]*)[)\]}]", text):
        word = _plain(found).removeprefix("in_")
        power = re.fullmatch(r"x?_?(?:1e|10_?)(\d{1,2})(?:_(?:tokens|params|parameters))?", word)
        counted = re.fullmatch(r"([kmbgt])_?(?:toks?|tokens|params|parameters)", word)
        several = re.fullmatch(r"(\d+)_?([kmbgt])(?:_(?:toks?|tokens|params|parameters))?", word)  # tokens (100M)
        first, last = SCALES.get(word.split("_")[0]), SCALES.get(word.split("_")[-1])
        scale = 10.0 ** int(power[1]) if power else int(several[1]) * SCALES[several[2]] if several else _flop(word) or (
            SCALES[counted[1]] if counted else first or last or scale)
        unit = "bytes" if word.replace("_", "") in BYTES else UNIT_WORDS.get(word, unit)
    plain = _plain(re.sub(r"[(\[{][^)\]}]*[)\]}]", "", text))
    plain = re.sub(r"^(?:number_of_|no_of_|count_of_)", "", plain)
    if logged := LOGGED.search(plain):
        return Header(name, plain.replace("log2", "log"), 1.0, "bits" if logged[1] == "log2" else "nats")
    ending = re.match(r"^(.+?)_(?:in_)?(millions?|billions?|trillions?|bn|m|b|t|k)$", plain)
    if ending and ending[1] not in ALIASES["loss"]:
        plain, scale = ending[1], SCALES[ending[2]]
    elif power := re.match(r"^(.+?)_(?:x_?)?(?:1e|10_)(\d{1,2})$", plain):  # N/1e6
        plain, scale = power[1], 10.0 ** int(power[2])
    elif before := re.match(r"^([kmbgt])_?(tokens|toks|params|parameters)$", plain):  # GTokens
        plain, scale = before[2], SCALES[before[1]]
    elif (flop := _flop(plain)) is not None:
        plain, scale = "flops", flop if flop > 1 else scale
    if not unit:
        tail = next((word for word in sorted(UNIT_WORDS, key=len, reverse=True) if plain == word or plain.endswith(f"_{word}")), "")
        unit = UNIT_WORDS.get(tail, "")
        if tail and plain != tail and plain.removesuffix(f"_{tail}") in ALIASES["loss"]:
            plain = plain.removesuffix(f"_{tail}")
    return Header(name, plain, scale, unit)


def parse_columns(text: str | Mapping[str, str]) -> dict[str, str]:
    """`N=params,loss=val_loss` as a mapping, which is checked alike.

    Raises:
        TableError: not of that shape, a name that is none of ours, or one column for two of N, D, C and the loss.
    """
    known = (*ALIASES, *KEPT, *ROLES)
    pairs: dict[str, str] = {}
    if not isinstance(text, str):
        text = ",".join(f"{name}={source}" for name, source in text.items())
    for part in filter(None, (item.strip() for item in text.split(","))):
        name, sign, source = (piece.strip() for piece in part.partition("="))
        if not sign or not source or name not in known:
            raise TableError(f"--columns {part!r}: write NAME=COLUMN with NAME one of {', '.join(known)}")
        if name in pairs:
            raise TableError(f"--columns names {name} twice: {pairs[name]} and {source}")
        if name in ALIASES and (other := next((one for one in ALIASES if pairs.get(one) == source), "")):
            raise TableError(f"--columns reads {source} as {other} and as {name}: name another column for one of them")
        pairs[name] = source
    return pairs


def match(path: object, names: Sequence[str], given: dict[str, str], keep: Iterable[str],
          text: Container[int] = ()) -> dict[str, int]:
    """Which column (by position) is which of ours: N, D, C, loss, those of `keep`, and the roles of `ROLES` that are there.

    An exact name wins over an alias, and `given` over both. N = C / (6 D) or D = C / (6 N) where C is there. `text` are the
    columns without a number: names of models, not their sizes.

    Raises:
        TableError: a column is missing, named twice or ambiguous.
    """
    headers = [read_header(name) for name in names]
    if {"N", "D", "C"} <= given.keys():
        raise TableError("--columns names C beside N and D: the law reads N and D, and C only in place of one of them")
    if absent := next((ours for ours, source in given.items() if source not in names), ""):
        raise TableError(f"{path} has no column {given[absent]!r} for {absent}: it has {listed(names)}")
    found = {ours: _single(path, names, source, ours) for ours, source in given.items()}
    for ours in ("N", "D", "loss", "C"):
        if ours in found or (ours == "D" and "C" in given and "N" not in given):
            continue
        matches = _candidates(headers, ours, set(found.values()), text)
        beside = ours == "C" and {"N", "D"} <= found.keys()  # to be compared alone
        if len(matches) > 1 and not beside:
            columns = [names[index] for index in matches]
            several = listed(columns) if len(columns) > SHOWN else f"{', '.join(columns[:-1])} and {columns[-1]}"
            raise TableError(f"{path}: {several} could each be {ours}; say which with --columns {ours}={columns[0]}")
        if matches:
            found[ours] = _single(path, names, names[matches[0]], ours) if ours != "C" else matches[0]
    if missing := _missing(found):
        product = _product(headers, found) if "D (or C)" in missing else ""
        raise TableError(f"{path} has no column for {' and '.join(missing)}: it has {listed(names)}; "
                         f"name them with --columns N=...,D=...,loss=...{product}")
    for ours in keep:
        if ours not in found and (at := [index for index, header in enumerate(headers) if header.plain == ours]):
            found[ours] = at[0]
    return found | _roles(headers, found)


def _candidates(headers: list[Header], ours: str, used: set[int], text: Container[int]) -> list[int]:
    """The columns that may be `ours`; of a loss also loss_c4 or c4/loss, and a training loss where there is no other."""
    matches = [index for index in _matches(headers, ours, used) if headers[index].plain != "model" or index not in text]
    if matches or ours != "loss":
        return matches
    losses = [index for index, header in enumerate(headers) if "loss" in header.plain.split("_") and not _an_error(header)]
    return [index for index in losses if "train" not in headers[index].plain] or losses


def _missing(found: Container[str]) -> list[str]:
    """What a law cannot do without: two of N, D and C, and the loss."""
    out = [] if "loss" in found else ["loss"]
    if "N" not in found and not ("C" in found and "D" in found):
        out.insert(0, "N (or C)" if "D" in found else "N")
    return out if "D" in found or "C" in found else [*out, "D (or C)"]


def _product(headers: list[Header], found: Mapping[str, int]) -> str:
    """How D could be had from columns that are there."""
    ratio = next((header.name for header in headers if header.plain in RATIOS), "")
    if ratio and "N" in found:
        return f" (a product will do: D={headers[found['N']].name}*{ratio})"
    steps = next((header.name for header in headers if _stripped(header.plain) in STEPS), "")
    return f" (a product will do: D={steps}*0.5M, {steps} times tokens a step)" if steps else ""


def _roles(headers: list[Header], found: Mapping[str, int]) -> dict[str, int]:
    """The columns of `ROLES` among those that are not read yet."""
    plain = {index: header.plain if header.plain in NAMED else _stripped(header.plain) for index, header in enumerate(headers)}
    used, out = set(found.values()), {}
    for ours, aliases in ROLES.items():
        at = [index for index, name in plain.items() if name in aliases and index not in used]
        if ours not in found and at:
            out[ours] = min(at, key=lambda index: aliases.index(plain[index]))
            used.add(out[ours])
    return out


def _matches(headers: list[Header], ours: str, used: set[int]) -> list[int]:
    exact = [index for index, header in enumerate(headers) if header.name == ours and index not in used]
    held_out = [index for index, header in enumerate(headers) if ours == "loss" and header.plain.split("_")[0] in HELD_OUT
                and _counted(header.plain) in ALIASES["loss"] and not _an_error(header)]
    if exact and not held_out:
        return exact[:1]
    free = [(index, header.plain) for index, header in enumerate(headers)
            if index not in used and not (ours == "loss" and (_an_error(header) or (held_out and header.plain == "loss")))]
    for known in (tuple(name for name in ALIASES[ours] if name not in LAST[ours]), LAST[ours]):
        for form in (lambda plain: plain, _counted, _stripped, lambda plain: _stripped(_counted(plain))):  # a whole name first
            # data_budget is unique tokens, and no budget under a prefix
            if found := [index for index, plain in free if form(plain) in known and (form(plain) == plain or plain not in NAMED)]:
                return found
    return []


def _single(path: object, names: Sequence[str], source: str, ours: str) -> int:
    at = [index for index, name in enumerate(names) if name == source]
    if len(at) > 1:
        raise TableError(f"{path} has {len(at)} columns called {source!r}, and {ours} can be read from one only: rename or remove "
                         "the others")
    return at[0]


def _stripped(plain: str) -> str:
    """Without the prefix of an export: metrics.val_loss, config.n_params, eval/loss."""
    head, sign, rest = plain.partition("_")
    return _stripped(rest) if sign and head in PREFIXES and rest else plain


def _counted(plain: str) -> str:
    """Without a last word that says how it was counted or stored: params_active_precise, val_loss_mean, n_params.value."""
    return re.sub(r"_(?:precise|exact|actual|mean|avg|value)$", "", plain)


def _an_error(header: Header) -> bool:
    """Whether a column holds how well another is known: val_loss_std."""
    return header.plain.rpartition("_")[2] in ERRORS


def _flop(word: str) -> float | None:
    """FLOP in one of `EFLOP`, `exaflops` or `PF-days`; None for another word."""
    if days := re.fullmatch(r"(p|peta)_?f(?:lops?)?(?:_s)?_?days?", word):
        return FLOP[days[1]] * DAY
    found = re.fullmatch(r"([a-z]*?)_?flops?", word)
    return FLOP.get(found[1]) if found else None


def _plain(text: str) -> str:
    text = text.strip().translate(SUPERSCRIPTS)
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z]|[KMBT]$)", "_", text)  # trainTokens, paramsM
    text = text.lower().replace("#", " ")
    return re.sub(r"[^a-z0-9]+", "_", text).strip("_")
