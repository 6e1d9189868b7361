"""Models from the hub, at an exact commit."""

import os
from pathlib import Path

from selfalign.errors import InfrastructureError, UserError
from selfalign.models.local import link_folder

PATTERNS = ["*.safetensors", "*.json", "*.jinja", "*.model", "merges.txt", "vocab.txt", "*.tiktoken"]
SUBFOLDERS = ["*/*"]  # copies in other formats; the model itself is at the top


def link_snapshot(repository: str, revision: str, staging: Path) -> None:
    """Downloads a repository's model files at a commit into the hub's own cache (interrupted downloads continue) and
    links them into `staging`. A private repository needs HF_TOKEN in the environment; no other token is used."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    where = f"{repository} at {revision}"
    try:
        folder = snapshot_download(
            repository,
            revision=revision,
            allow_patterns=PATTERNS,
            ignore_patterns=SUBFOLDERS,
            token=os.environ.get("HF_TOKEN") or False,
        )
    except GatedRepoError as error:
        raise UserError(
            "the model's authors ask for consent to their terms first",
            where=where,
            fix="accept the terms on the model's page and set HF_TOKEN in the environment",
        ) from error
    except RepositoryNotFoundError as error:
        raise UserError(
            "there is no such model repository, or it is private",
            where=where,
            fix="check the name and the commit hash; for a private model set HF_TOKEN in the environment",
        ) from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise InfrastructureError(
            f"the model hub can't be reached or broke off: {str(error).splitlines()[0] if str(error) else error!r}",
            where=where,
            fix="check network, proxy and HF_ENDPOINT and run again (it continues), or give a source of kind path",
        ) from error
    link_folder(folder, staging)
