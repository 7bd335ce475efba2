"""What NVFLARE's own modules lend to those who write jobs: logs, checks, serializing, places."""
