"""Side-by-side measurements, into runs/bench/: each with what it is compared with, on the same machine in the same run."""
