"""What the rules need to know that execute model-written code."""

import json


def sandbox_limits():
    return {key: value for key, value in config["sandbox"].items() if key not in ("engine", "require")}


def scoring_image(wildcards):
    """The image that a benchmark is scored in: the usual one, or one with its libraries."""
    lock = config["evaluation"]["benchmarks"][wildcards.benchmark]["libraries"]
    return f"resources/sandboxes/{Path(lock).stem}/image.json" if lock else SANDBOX


def lock_of_libraries(wildcards):
    return LIBRARIES[wildcards.libraries]


def sandbox_digest(wildcards, input):
    """Digest of the image that is there when the job runs; a new image with the same content changes nothing."""
    return json.loads(Path(input.image).read_text())["digest"]
