"""What needs an extra is collected by `make test-extras` alone."""

import os

collect_ignore = [] if os.environ.get("STUDY_TEST_EXTRAS") else ["test_train_peer.py", "test_launch_overhead.py"]
