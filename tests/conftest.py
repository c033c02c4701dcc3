"""What holds for every test: a busy machine is no reason for a property test to fail, and nobody looks for personal
data who does not say so (it takes seconds to load; tests/lint/privacy say so).
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile("shared-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared-machine")

os.environ["TUNEGATE_PRIVACY"] = "off"
