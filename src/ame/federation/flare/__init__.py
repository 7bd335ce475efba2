"""NVFLARE's names: which of them `ame` serves, and how scripts import them without NVFLARE."""
