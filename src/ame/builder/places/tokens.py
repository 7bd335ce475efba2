"""Tokens of Google's services, for servers that ask for one. Needs google-auth."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from ame import errors

if TYPE_CHECKING:
    from collections.abc import Callable

EXTRA: Final = "builder"
SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"
SECONDS: Final = 300
"""How long a token is asked to last."""


def is_local(server: str) -> bool:
    """Whether an address is of this machine, which asks for no token."""
    host = urlsplit(server).hostname or ""
    if "localhost" in host:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def access_token(account: str, scope: str = SCOPE) -> str:
    """A token as a service account, by the application-default credentials' leave.

    Raises:
        errors.AccountDenied: there are no credentials, or they may not be that account.
    """
    return _token(account, lambda: _impersonated(account, scope))


def id_token(account: str, audience: str) -> str:
    """A token that says who one is: a service account, or, without one, this machine's own.

    Raises: as `access_token` does.
    """

    def made() -> Any:  # noqa: ANN401 - credentials of google-auth
        if account:
            from google.auth import impersonated_credentials

            source = _impersonated(account, SCOPE)
            return impersonated_credentials.IDTokenCredentials(  # type: ignore[no-untyped-call]  # no types
                source, target_audience=audience, include_email=True
            )
        from google.auth.compute_engine import IDTokenCredentials
        from google.auth.transport.requests import Request

        asked = Request()
        return IDTokenCredentials(  # type: ignore[no-untyped-call]  # the same
            asked, audience, use_metadata_identity_endpoint=True
        )

    return _token(account or "this machine", made)


def _impersonated(account: str, scope: str) -> Any:  # noqa: ANN401 - credentials
    import google.auth
    from google.auth import impersonated_credentials

    source, _ = google.auth.default(scopes=[SCOPE])
    return impersonated_credentials.Credentials(  # type: ignore[no-untyped-call]  # the same
        source_credentials=source,
        target_principal=account,
        target_scopes=[scope],
        lifetime=SECONDS,
    )


def _token(account: str, credentials: Callable[[], Any]) -> str:
    try:
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import Request
    except ImportError:
        raise errors.ExtraMissing(EXTRA, "a service account") from None
    try:
        made = credentials()
        made.refresh(Request())
    except GoogleAuthError as error:
        raise errors.AccountDenied(account, str(error).partition("\n")[0]) from None
    token: str = made.token
    return token
