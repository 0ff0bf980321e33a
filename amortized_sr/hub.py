"""Folders and repositories in the hub's layout: config.json, model.safetensors, README.md."""

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from amortized_sr.hub_card import card_of
from amortized_sr.hub_files import CONFIG_NAME, WEIGHTS_NAME, HubError
from amortized_sr.image_io import replacing
from amortized_sr.weights import TrainedModel


def save_folder(trained: TrainedModel, folder: str | Path, name: str | None = None) -> Path:
    """Write a model as a folder that `from_pretrained` and the hub's own mixin load.

    A card that is there already stays, so that it can be edited.

    Args:
        trained: The model.
        folder: The folder, which is created if it is missing.
        name: What the card calls the model; None takes the folder's name.

    Raises:
        HubError: If the extra `hub` is not installed.
    """
    folder = Path(folder)
    with _extra():
        card = card_of(trained, name or folder.resolve().name)
    folder.mkdir(parents=True, exist_ok=True)
    # The file itself, so that its hash, its precision and its facts stay.
    content = trained.path.read_bytes()
    with replacing(folder / WEIGHTS_NAME) as file:
        file.write(content)
    with replacing(folder / CONFIG_NAME) as file:
        file.write(json.dumps(dataclasses.asdict(trained.config), sort_keys=True, indent=2).encode())
    if not (folder / "README.md").exists():
        with replacing(folder / "README.md") as file:
            file.write(card.encode())
    return folder


def push_folder(
    trained: TrainedModel, repository: str, private: bool | None = None, message: str = "Upload model"
) -> str:
    """Upload a model to a repository of the hub, which is created if it is missing, and return the commit's address.

    Args:
        trained: The model.
        repository: `user/name`.
        private: Whether a new repository is private; None takes the account's default.
        message: Message of the commit.

    Raises:
        HubError: If the extra `hub` is not installed, or the hub does not take it.
    """
    with _extra():
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    with TemporaryDirectory() as temporary:
        folder = save_folder(trained, temporary, repository.rpartition("/")[2])
        try:
            api = HfApi()
            created = api.create_repo(repository, private=private, exist_ok=True)
            # A card that was edited on the hub stays.
            keep = ["README.md"] if api.file_exists(created.repo_id, "README.md") else None
            return str(
                api.upload_folder(
                    repo_id=created.repo_id, folder_path=folder, commit_message=message, ignore_patterns=keep
                )
            )
        except Exception as error:
            # The hub's library lets errors of its HTTP library through; that has changed, so only their base is known.
            if not isinstance(error, (HFValidationError, OSError, *HfHubHTTPError.__bases__)):
                raise
            first = (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
            raise HubError(
                f"{repository} was not uploaded ({first}); log in with `hf auth login` and connect"
            ) from None


@contextmanager
def _extra() -> Iterator[None]:
    """Say in a sentence that the extra is missing."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "huggingface_hub":
            raise
        raise HubError("the hub's layout needs the extra: pip install 'amortized-sr[hub]'") from None
