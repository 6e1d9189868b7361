"""Generators and datasets of this run beside one another, and this run beside an earlier one."""

from selfalign.report.funnel import label
from selfalign.report.text import amount, percent


def generators(groups: list[dict], rates: dict[str, list[dict]], usage: list[dict]) -> list[dict]:
    """A row a generator: `name`, rows that each stage kept, `passed` and `share` of its responses, `output_tokens`,
    `seconds`."""
    found = []
    shares = {row["name"]: row for row in rates.get("generator", [])}
    for group in groups:
        if group["layer"] != "generator":
            continue
        kept = {row["stage"]: row["kept"] for row in group["rows"]}
        rate = shares.get(group["name"], {})
        spent = [row for row in usage if row["owner"] == group["name"]]
        found.append(
            {
                "name": group["name"], "concepts": kept.get("concepts"), "tasks": kept.get("unique_tasks"),
                "responses": kept.get("responses"), "passed": rate.get("passed"), "share": rate.get("share"),
                "output_tokens": sum(row["output_tokens"] for row in spent),
                "seconds": sum(row["seconds"] for row in spent),
            }
        )  # fmt: skip
    return found


def datasets(config: dict, groups: list[dict], trainings: dict[str, dict]) -> list[dict]:
    """A row a dataset: `name`, `policy`, `generators`, `responses`, `pairs`, `duplicates`, `contaminated`, `trained`
    (names of checkpoints)."""
    found = []
    for group in groups:
        if group["layer"] != "dataset" or not group["rows"]:
            continue
        row = group["rows"][0]
        lost = {loss["reason"]: loss["rows"] for loss in row["losses"]}
        spec = config["datasets"].get(group["name"], {})
        found.append(
            {
                "name": group["name"], "policy": spec.get("policy", ""), "generators": spec.get("generators", []),
                "responses": row["in"], "pairs": row["kept"],
                "duplicates": lost.get("exact_duplicate", 0) + lost.get("near_duplicate", 0),
                "contaminated": lost.get("contaminated", 0),
                "trained": [name for name, run in trainings.items() if run["dataset"]["name"] == group["name"]],
            }
        )  # fmt: skip
    return found


def with_earlier(now: dict, earlier: dict | None) -> dict | None:
    """What changed since an earlier run's report.json: `config`, `funnel`, `scores`, rows of (what, before, now)."""
    if earlier is None:
        return None
    return {
        "config": changes(flat(earlier.get("config", {})), flat(now["config"])),
        "funnel": changes(funnel_figures(earlier), funnel_figures(now)),
        "scores": changes(score_figures(earlier), score_figures(now)),
        "versions": changes(version_figures(earlier), version_figures(now)),
    }


def changes(before: dict[str, str], now: dict[str, str]) -> list[tuple[str, str, str]]:
    """Keys whose values differ; "–" where one of the two has none."""
    keys = sorted(before.keys() | now.keys())
    return [(key, before.get(key, "–"), now.get(key, "–")) for key in keys if before.get(key) != now.get(key)]


def flat(value: object, prefix: str = "") -> dict[str, str]:
    """Leaves of nested dictionaries by dotted key."""
    if not isinstance(value, dict) or not value:
        return {prefix: str(value)}
    return {
        key: leaf for name, item in value.items() for key, leaf in flat(item, f"{prefix}.{name}".lstrip(".")).items()
    }


def funnel_figures(report: dict) -> dict[str, str]:
    return {
        f"{label(group)}: {row['title']}": f"{amount(row['kept'])} of {amount(row['in'])}"
        for group in report.get("funnels", [])
        for row in group["rows"]
    }


def score_figures(report: dict) -> dict[str, str]:
    return {
        f"{row['candidate']} on {row['benchmark']}": f"{percent(row['pass_at_1'])} of {row['problems']} problems"
        for row in report.get("scores", [])
    }


def version_figures(report: dict) -> dict[str, str]:
    manifest = report.get("manifest", {})
    digests = {f"weights of {name}": str(model.get("digest")) for name, model in manifest.get("models", {}).items()}
    commit = {"commit": str(manifest.get("git", {}).get("commit", ""))}
    return {**commit, **digests, **{name: str(version) for name, version in manifest.get("versions", {}).items()}}
