"""A callout at the head of the article where a record of the atlas is not finished."""

from study.articles.shared.page import callout
from study.atlas.read import Atlas
from study.inference.pooled.two_stage import MODEL, past_gate

ATLASES = 200  # simulated ones that calibration asks for


def lacking(atlas: Atlas) -> list[str]:
    """What is missing or not past its gate, each in a few words."""
    seen, done, of = atlas.population["diagnostics"], len(atlas.left_out["new_study_without"]), len(atlas.laboratories)
    parts = []
    if not past_gate(seen["rhat"], min(seen["ess_bulk"], seen["ess_tail"])):
        parts.append(f"the population's chains are too short (R-hat {seen['rhat']:.3f}): run `study atlas together`")
    if atlas.population["provenance"].get("model") != MODEL:
        parts.append("the population is of an earlier model: run `study atlas together`, `leave-out` and `calibrate`")
    if done < of:
        parts.append(f"{done} of {of} laboratories are left out: run `study atlas leave-out`")
    parts += [f"{name}.json is not recorded: run `study atlas {command}`"
              for name, command in (("joint", "joint"), ("sbc", "calibrate")) if not atlas.has(name)]
    if atlas.has("sbc") and (simulated := atlas.calibration["finished"]) < ATLASES:
        parts.append(f"{simulated} of {ATLASES} atlases are simulated: run `study atlas calibrate`")
    return parts


def unfinished(atlas: Atlas) -> None:
    """A warning with a line for each."""
    if parts := lacking(atlas):
        callout("warning", "Not finished", "\n".join(f"- {part}" for part in parts))
