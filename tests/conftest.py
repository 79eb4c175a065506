"""What holds for all tests."""

import httpx2

from tests.patience import GIVE_UP_SECONDS

# Whoever gives no limit waits as long as any test: on a busy machine an answer may take longer than five seconds.
for limit in ("connect", "read", "write", "pool"):
    setattr(httpx2._config.DEFAULT_TIMEOUT_CONFIG, limit, GIVE_UP_SECONDS)
