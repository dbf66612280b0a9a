"""Which GPUs this machine offers, without loading torch in the launcher."""

import os
import shutil
import subprocess


def gpus() -> tuple[str, ...]:
    """Names for CUDA_VISIBLE_DEVICES: what it holds already, else the indices nvidia-smi lists; empty without a GPU."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return tuple(part.strip() for part in given.split(",") if part.strip() not in ("", "-1", "NoDevFiles"))
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    listed = subprocess.run([tool, "--query-gpu=index", "--format=csv,noheader"], capture_output=True, text=True, check=False)
    return tuple(listed.stdout.split()) if listed.returncode == 0 else ()


def on_gpus(device: str) -> tuple[str, ...]:
    """The GPUs that `--device` means: all of them for auto and cuda, none for cpu, mps or one that is named (cuda:1)."""
    return gpus() if device in ("auto", "cuda") else ()
