"""What needs an extra is collected by `make test-extras` alone, which installs the extras and fails without them."""

import os

collect_ignore = [] if os.environ.get("STUDY_TEST_EXTRAS") else ["test_ray.py", "test_track.py"]
