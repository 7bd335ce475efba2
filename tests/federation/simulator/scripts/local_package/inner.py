from local_package import owner as owner_at_import  # noqa: F401

names: list[str] = []
