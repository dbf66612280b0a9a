"""Which column of a file is N, D, C or the loss, and which says something else of its runs."""

import re
from collections.abc import Container, Iterable, Mapping, Sequence

from study.fit.reading.headers import Header, read_header
from study.fit.reading.names import (
    ACTIVE,
    ALIASES,
    AROUND,
    BYTES_A_TOKEN,
    ERRORS,
    FRESH,
    HELD_OUT,
    KEPT,
    LAST,
    LOSSES,
    NAMED,
    NO_LOSS,
    PARAMETERS,
    PASSES,
    PERCENT,
    POOL,
    PREFIXES,
    RATIOS,
    ROLES,
    SHARE,
    STALE,
    STEPS,
    TOKENS,
)
from study.fit.reading.raw import SHOWN, TableError, listed


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
        matches = _preferred(headers, _candidates(headers, ours, set(found.values()), text))
        beside = ours == "C" and {"N", "D"} <= found.keys()  # to be compared alone
        if len(matches) > 1 and not beside:
            columns = [names[index] for index in matches]
            several = listed(columns) if len(columns) > SHOWN else f"{', '.join(columns[:-1])} and {columns[-1]}"
            raise TableError(f"{path}: {several} could each be {ours}; say which with --columns {ours}={columns[0]}")
        if matches:
            found[ours] = _single(path, names, names[matches[0]], ours) if ours != "C" else matches[0]
    if "N" not in given:
        _ask_for_active(path, headers, found, text)
    if missing := _missing(found):
        product = _product(headers, found) if "D (or C)" in missing else ""
        likely = sorted(headers, key=lambda header: not header.words & (LOSSES | PARAMETERS | TOKENS))
        raise TableError(f"{path} has no column for {' and '.join(missing)}: it has {listed([header.name for header in likely])}; "
                         f"name them with --columns N=...,D=...,loss=...{product}")
    for ours in keep:
        known = BYTES_A_TOKEN if ours == "bytes_per_token" else (ours,)
        if ours not in found and (at := [index for index, header in enumerate(headers) if header.plain in known]):
            found[ours] = at[0]
    return found | _roles(headers, found)


def name_runs(names: Sequence[str]) -> bool:
    """Whether N, D and the loss are among names."""
    try:
        match("", names, {}, ())
    except TableError:
        return False
    return True


def _candidates(headers: list[Header], ours: str, used: set[int], text: Container[int]) -> list[int]:
    """The columns that may be `ours`; of a loss also loss_c4 or c4/loss, and a training loss where there is no other."""
    matches = [index for index in _matches(headers, ours, used) if headers[index].plain != "model" or index not in text]
    if matches or ours != "loss":
        return matches
    losses = [index for index, header in enumerate(headers)
              if header.words & LOSSES and index not in used and not _an_error(header)]
    return [index for index in losses if "train" not in headers[index].plain] or losses


def _preferred(headers: Sequence[Header], matches: list[int]) -> list[int]:
    """Of columns that are one in two units, the one that needs no conversion: nats and a perplexity, params and params (M)."""
    scales = [index for index in matches if headers[index].scale == 1]
    if len({headers[index].plain for index in matches}) == 1 and len(scales) == 1:
        return scales
    nats = [index for index in matches if headers[index].unit in ("", "nats")]
    of = {headers[index].plain.split("_")[0] for index in matches}  # of one set: val_loss and val_ppl; perplexity beside any
    return nats if len(nats) == 1 and len(of - {"perplexity", "ppl", "bpb"}) == 1 else matches


def _ask_for_active(path: object, headers: list[Header], found: Mapping[str, int], text: Container[int]) -> None:
    """Ask which is meant where a model has parameters that are active beside its others, as a mixture of experts does.

    Raises:
        TableError: it does.
    """
    if "N" not in found or headers[found["N"]].words & ACTIVE:
        return
    other = next((header.name for index, header in enumerate(headers)
                  if header.words & ACTIVE and header.words <= ACTIVE | PARAMETERS and index not in text), "")
    if other:
        raise TableError(f"{path}: {headers[found['N']].name} and {other} could each be N; say which with --columns N={other}")


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
    used, out = set(found.values()), {}
    free = {index: header for index, header in enumerate(headers) if index not in used}
    for ours, aliases in ROLES.items():
        at = {index: aliases.index(name) if name in aliases else len(aliases) for index, header in free.items()
              if (name := _named(header)) in aliases or (name not in NAMED and _role_by_words(header) == ours)}
        if ours not in found and at:
            out[ours] = min(at, key=lambda index: at[index])
            del free[out[ours]]
    return out


def _named(header: Header) -> str:
    if header.scale == 0.01:
        return ""  # unique (%): a share, and not what the name alone says
    return header.plain if header.plain in NAMED else _stripped(header.plain)


def _role_by_words(header: Header) -> str:
    """What a header says of repeated text, by its words in any order: num_unique_tokens, data_passes, percent_unique."""
    words = header.words - AROUND
    if words & STALE and (words & (SHARE | PERCENT) or header.scale == 0.01) and words <= STALE | SHARE | PERCENT | TOKENS:
        return "fresh"
    if words & FRESH and (words & (SHARE | PERCENT) or header.scale == 0.01) and words <= FRESH | SHARE | PERCENT | TOKENS:
        return "fresh"
    if (words & FRESH or (words & POOL and words & TOKENS)) and words <= FRESH | POOL | TOKENS:
        return "unique"
    if words & {"repeat", "repeats"} and header.words & {"count", "factor", "times"}:
        return "epochs"
    return "epochs" if words & PASSES and words <= PASSES | {"token"} else ""


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
    """Whether a column holds how well another is known, or a difference: val_loss_std, excess_loss."""
    return header.plain.rpartition("_")[2] in ERRORS or bool(header.words & NO_LOSS)
