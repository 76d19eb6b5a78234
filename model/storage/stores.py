"""Stores reached by URL: their options and credentials, the extras that they need, and their errors explained.

All credentials are given as fsspec takes them. Beam's own file systems are not used.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import fsspec
import fsspec.config

from soundbeam.model.errors import SoundbeamError

# Protocol → extra, of the object stores. They have no folders and no rename; an object appears whole or not at all.
EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "az": "azure", "abfs": "azure", "abfss": "azure"}
_CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "gcs": "GOOGLE_APPLICATION_CREDENTIALS",
    "azure": "AZURE_STORAGE_CONNECTION_STRING, or AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
Options = dict[str, dict[str, Any]]
_user_options: Options = {}


class MissingExtra(SoundbeamError, ImportError):
    """A store's client is not installed."""


def is_object_store(fs: Any) -> bool:
    """Whether a file system of fsspec's is S3, GCS or Azure."""
    protocols = [fs.protocol] if isinstance(fs.protocol, str) else fs.protocol
    return any(protocol in EXTRAS for protocol in protocols)


def file_system_of(url: str, **options: Any) -> tuple[Any, str]:
    """fsspec's file system for a URL, and the path on it.

    Raises:
        MissingExtra: Its client is not installed; the message names the extra.
        ValueError: The protocol is unknown, or its options are wrong.
    """
    # gcsfs would ask for each bucket's kind by gRPC, for a minute where nobody answers; only zonal buckets need that.
    # It looks at this variable when fsspec first loads it, which is here.
    os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    try:
        return fsspec.core.url_to_fs(url, **options)
    except ImportError as e:
        protocols = [part.partition("://")[0] for part in url.split("::")]
        extra = next((EXTRAS[protocol] for protocol in protocols if protocol in EXTRAS), None)
        if extra is None:
            raise MissingExtra(f"this kind of URL needs another package: {e}") from e
        raise MissingExtra(f"needs the extra [{extra}]: pip install 'soundbeam[{extra}]'") from e


def parse_options(text: str) -> Options:
    """Reads the storage options that a user gives: protocol → arguments of fsspec's file system.

    Args:
        text: JSON, ``{"s3": {"endpoint_url": "…", "key": "…", "secret": "…"}}``, or ``@FILE`` that holds it.

    Raises:
        SoundbeamError: The text is something else. The message repeats no value, since some are secret.
    """
    if text.startswith("@"):
        try:
            with open(text[1:], encoding="utf-8") as file:
                text = file.read()
        except (OSError, UnicodeDecodeError) as e:
            raise SoundbeamError(f"{text[1:]}: cannot be read ({type(e).__name__})") from None
    try:
        options = json.loads(text)
    except json.JSONDecodeError as e:
        raise SoundbeamError(f"not JSON: {e.msg} at character {e.pos + 1}") from None
    if not isinstance(options, dict) or not all(isinstance(values, dict) for values in options.values()):
        raise SoundbeamError('must be options by protocol, e.g. {"s3": {"endpoint_url": "http://localhost:9000"}}')
    protocols = fsspec.available_protocols()
    for protocol in options:
        if protocol not in protocols:
            similar = difflib.get_close_matches(protocol, protocols, 1, 0.5)
            raise SoundbeamError(
                f"no store has the protocol {protocol!r}{f'; did you mean {similar[0]!r}?' if similar else ''}"
            )
    return options


def use_options(options: Mapping[str, Mapping[str, Any]]) -> None:
    """Applies options to all URLs of their protocols, in this process and in those that it starts."""
    for protocol, values in options.items():
        merged = {**fsspec.config.conf.get(protocol, {}), **values}
        fsspec.config.conf[protocol] = merged
        os.environ[f"FSSPEC_{protocol.upper()}"] = json.dumps(merged)
        _user_options[protocol] = {**_user_options.get(protocol, {}), **values}


@contextlib.contextmanager
def restored_options() -> Iterator[None]:
    """Undoes at its end what `use_options` did inside it."""
    conf = {protocol: dict(values) for protocol, values in fsspec.config.conf.items()}
    user_options_before = dict(_user_options)
    environment = {name: value for name, value in os.environ.items() if name.startswith("FSSPEC_")}
    try:
        yield
    finally:
        for now, before in ((fsspec.config.conf, conf), (_user_options, user_options_before)):
            now.clear()
            now.update(before)
        for name in [name for name in os.environ if name.startswith("FSSPEC_")]:
            if name not in environment:
                del os.environ[name]
        os.environ.update(environment)


@dataclasses.dataclass(frozen=True, repr=False)
class UserOptions:
    """The user's options on their way to a worker, where unpickling applies them. Its repr shows none of them."""

    options: Options

    def __reduce__(self) -> tuple[Any, ...]:
        return _use_and_keep, (self.options,)


def user_options() -> UserOptions | None:
    """The options that a worker elsewhere needs; None if the user gave none."""
    if not _user_options:
        return None
    return UserOptions({protocol: dict(values) for protocol, values in _user_options.items()})


def _use_and_keep(options: Options) -> UserOptions:
    use_options(options)
    return UserOptions(options)


def explain_store_error(e: BaseException) -> str | None:
    """Explains an error of a store's client in one line; None if it is not recognised as one."""
    error = e
    while error is not None:
        name, text = type(error).__name__, str(error)
        for extra, names in _NO_CREDENTIALS.items():
            if name in names or any(part in text for part in _NO_CREDENTIALS_TEXTS[extra]):
                return f"no credentials for this store: set {_CREDENTIALS[extra]} (docs/stores.md)"
        if isinstance(error, PermissionError) and not error.filename:
            return f"access denied (403): {_first_line(text)}"
        if text.startswith("Forbidden:") or name in ("ClientAuthenticationError",):
            return f"access denied (403): {_first_line(text)}"
        if "bucket does not exist" in text or "ContainerNotFound" in text or "NoSuchBucket" in text:
            return "there is no such bucket"
        if name in _CONNECTION_ERRORS:
            return f"the store cannot be reached: {_first_line(text)}"
        error = error.__cause__ or error.__context__  # type: ignore[assignment]  # both may be None, which ends the loop
    return None


# Compared by name, since the clients may not be installed.
_NO_CREDENTIALS = {
    "s3": ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"),
    "gcs": ("DefaultCredentialsError",),
    "azure": ("CredentialUnavailableError",),
}
_NO_CREDENTIALS_TEXTS = {
    "s3": ("Unable to locate credentials",),
    "gcs": ("Anonymous caller does not have",),
    "azure": ("Must provide either a connection_string or account_name", "unable to connect to account for"),
}
_CONNECTION_ERRORS = (
    "EndpointConnectionError",
    "ClientConnectorError",
    "ClientConnectorDNSError",
    "ServiceRequestError",
)


def _first_line(text: str) -> str:
    """The first line of a store's message: some append the whole response."""
    return next((" ".join(line.split())[:200] for line in text.splitlines() if line.strip()), "it does not say why")


def printable(name: str) -> str:
    r"""The name with bytes that are not UTF-8 written as ``\xNN``, so that Beam and Arrow can hold it."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def one_line(e: BaseException) -> str:
    """An exception's message on one line; the name of its class if it has no message."""
    explanation = explain_store_error(e)
    if explanation is not None:
        return printable(explanation)
    if isinstance(e, OSError) and e.strerror:
        return " ".join(e.strerror.split())
    return printable(" ".join(str(e).split())) or type(e).__name__
