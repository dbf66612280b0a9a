"""A callout at the head of the article where a record of the atlas is not finished."""

from study.articles.atlas.together import gate
from study.articles.shared.page import callout
from study.atlas.read import Atlas
from study.inference.pooled.two_stage import MODEL, past_gate

ATLASES = 200  # simulated ones that calibration asks for


def lacking(atlas: Atlas) -> list[str]:
    """What is missing or not past its gate, each in a few words."""
    parts = [f"{name}.json is of an earlier model of the population: run `study atlas {command}`"
             for name, command, model in models(atlas) if model != MODEL]
    seen, done, of = atlas.population["diagnostics"], len(atlas.left_out["new_study_without"]), len(atlas.laboratories)
    if not past_gate(seen["rhat"], min(seen["ess_bulk"], seen["ess_tail"])) or seen["divergences"]:
        parts.append(f"population.json fails its gate ({gate(atlas)}): run `study atlas together`")
    if done < of:
        parts.append(f"{done} of {of} laboratories are left out: run `study atlas leave-out`")
    parts += [f"{name}.json is not recorded: run `study atlas {command}`"
              for name, command in (("joint", "joint"), ("sbc", "calibrate")) if not atlas.has(name)]
    if atlas.has("sbc") and (simulated := atlas.calibration["finished"]) < ATLASES:
        parts.append(f"{simulated} of {ATLASES} atlases are simulated: run `study atlas calibrate`")
    return parts


def models(atlas: Atlas) -> list[tuple[str, str, str]]:
    """Each recorded part, its command, and the model that it was made with."""
    found = [("population", "together", atlas.population["provenance"].get("model", "")),
             ("leave-out", "leave-out", atlas.left_out["provenance"].get("model", ""))]
    if atlas.has("sbc"):
        found.append(("sbc", "calibrate", atlas.calibration.get("model", "")))
    return [*found, ("joint", "joint", atlas.joint.get("model", ""))] if atlas.has("joint") else found


def unfinished(atlas: Atlas) -> None:
    """A warning with a line for each."""
    if parts := lacking(atlas):
        callout("warning", "Not finished", "\n".join(f"- {part}" for part in parts))
