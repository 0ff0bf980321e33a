"""Files of models on the Hugging Face hub: from the local cache first, then from the network. Loads no torch."""

import re
from contextlib import suppress
from pathlib import Path

WEIGHTS_NAME = "model.safetensors"
"""The weights in a folder of the hub's layout."""

CONFIG_NAME = "config.json"
"""The configuration in a folder of the hub's layout."""

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}")


class HubError(ValueError):
    """A model that cannot be had from the hub; the message says why."""


def is_repository(name: str) -> bool:
    """Return whether a name could be that of a repository.

    Example:
        >>> is_repository("someone/photo"), is_repository("./photo"), is_repository("a/b/c")
        (True, False, False)
    """
    return _REPOSITORY.fullmatch(name) is not None


def fetched_weights(repository: str, revision: str | None = None) -> Path:
    """Return the weights of a repository, with its configuration beside them if it has one.

    What the local cache holds is taken without asking the network, so name a revision to get another one.

    Args:
        repository: `user/name`.
        revision: A branch, tag or commit; None takes the main branch.

    Raises:
        HubError: If they are neither in the cache nor to be had.
    """
    try:
        from huggingface_hub.errors import EntryNotFoundError
    except ModuleNotFoundError:
        raise HubError("to load it from the hub, install the extra: pip install 'amortized-sr[hub]'") from None
    try:
        path = _fetched(repository, WEIGHTS_NAME, revision)
    except EntryNotFoundError:
        raise HubError(
            f"the repository on the hub holds no {WEIGHTS_NAME}; pickled weights (.bin, .pt, .ckpt) are not read"
        ) from None
    # The header of our own weights holds the configuration too.
    with suppress(EntryNotFoundError):
        _fetched(repository, CONFIG_NAME, path.parent.name)
    return path


def _fetched(repository: str, name: str, revision: str | None) -> Path:
    """Return a file; an `EntryNotFoundError` says that the repository has none of that name."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    at = f" at the revision {revision!r}" if revision else ""
    try:
        return Path(hf_hub_download(repository, name, revision=revision, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        pass
    try:
        return Path(hf_hub_download(repository, name, revision=revision))
    except LocalEntryNotFoundError:
        raise HubError("it is not in the hub's cache, and the hub cannot be reached; connect, or give a file") from None
    except EntryNotFoundError:
        raise
    except RevisionNotFoundError:
        raise HubError(f"the repository on the hub has no revision {revision!r}") from None
    except GatedRepoError:
        raise HubError("the repository on the hub asks for permission; request it there and log in") from None
    except RepositoryNotFoundError:
        raise HubError(f"the hub has no such repository{at}, or it is private and you are not logged in") from None
    except (HFValidationError, OSError) as error:
        raise HubError(f"the hub did not give it{at} ({_first_line(error)})") from None


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
