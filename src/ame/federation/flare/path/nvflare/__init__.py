"""NVFLARE's names, for a process that was started for a job of theirs. See `alias`."""

import sys

from ame.federation.flare import alias

del sys.modules[__name__]
alias.activate()
sys.modules[__name__] = __import__(__name__)
