"""The config: complete, checked, documented."""

import copy
import subprocess
import sys

import pytest
import yaml

from selfalign.config import dereference, load_schema, resolve_config
from selfalign.errors import UserError


@pytest.fixture
def config(root):
    return yaml.safe_load((root / "config.yaml").read_text())


def problems(config, **changes):
    """The message that a config leads to after `changes` (dotted keys)."""
    changed = copy.deepcopy(config)
    for key, value in changes.items():
        *parents, last = key.split("__")
        target = changed
        for parent in parents:
            target = target.setdefault(parent, {})
        target[last] = value
    with pytest.raises(UserError) as caught:
        resolve_config(changed)
    return str(caught.value)


def names(config):
    return {layer: next(iter(config[layer])) for layer in ("models", "generators", "datasets", "checkpoints")}


def test_the_shipped_configs_resolve(root):
    for path in [root / "config.yaml", *sorted((root / "presets").glob("**/*.yaml"))]:
        resolved = resolve_config(yaml.safe_load(path.read_text()))
        assert resolve_config(resolved) == resolved, path


def test_the_input_is_not_changed(config):
    before = copy.deepcopy(config)
    resolve_config(config)
    assert config == before


def test_an_unknown_key_is_refused_at_every_level(config):
    name = names(config)
    assert "unknown key 'modles'" in problems(config, modles={})
    message = problems(config, **{f"models__{name['models']}__contxt": 1})
    assert f"models.{name['models']} has the unknown key 'contxt'" in message and "did you mean 'context'?" in message
    assert "unknown key 'tempratur'" in problems(config, **{f"generators__{name['generators']}__tasks__tempratur": 1})
    assert "unknown key 'lr'" in problems(config, **{f"checkpoints__{name['checkpoints']}__recipe__lr": 1})


def test_a_wrong_value_is_named_with_what_would_be_accepted(config):
    name = names(config)
    assert "seeds.shards is 0" in problems(config, seeds__shards=0)
    assert "seeds.shards is 'many': a whole number is wanted" in problems(config, seeds__shards="many")
    assert "sources is 'a/b': a list is wanted" in problems(config, **{f"models__{name['models']}__sources": "a/b"})
    assert "models has the name 'My Model': names must match" in problems(config, models={"My Model": {}})
    message = problems(config, **{f"datasets__{name['datasets']}__policy": "best"})
    assert "'best'" in message and "passing" in message
    corpus = {"kind": "svn", "path": "x"}
    assert "one of pypi, directory, git, commits, instructions, jsonl, hub is wanted" in problems(
        config, seeds__corpora={"x": corpus}
    )
    corpus = {"kind": "directory", "path": "x"}
    assert "seeds.corpora.x lacks the key 'licence'" in problems(config, seeds__corpora={"x": corpus})
    source = {"hub": "a/b", "revision": "main"}
    assert "'main'" in problems(config, **{f"models__{name['models']}__sources": [source]})


def test_values_inside_a_command_line_argument_arrive_as_text(config):
    changed = copy.deepcopy(config)
    changed["seeds"].update(shards="3", limit="null", typecheck="false")
    seeds = resolve_config(changed)["seeds"]
    assert (seeds["shards"], seeds["limit"], seeds["typecheck"]) == (3, None, False)


@pytest.mark.parametrize("written", ["1e-5", "1E-5", "1.e-5", "1.0e-5", "10e-6", "0.00001"])
def test_a_learning_rate_is_a_number_however_it_is_written(config, written):
    """YAML 1.1 takes the first three for text."""
    name = names(config)["checkpoints"]
    config["checkpoints"][name]["recipe"]["learning_rate"] = yaml.safe_load(written)
    assert resolve_config(config)["checkpoints"][name]["recipe"]["learning_rate"] == 1e-5
    assert "'1e-5 or so'" in problems(config, **{f"checkpoints__{name}__recipe__learning_rate": "1e-5 or so"})


def test_names_must_exist_and_the_error_lists_those_that_do(config):
    name = names(config)
    for key, layer in [
        (f"generators__{name['generators']}__model", "models"),
        (f"checkpoints__{name['checkpoints']}__dataset", "datasets"),
        (f"checkpoints__{name['checkpoints']}__model", "models"),
    ]:
        message = problems(config, **{key: "nobody"})
        assert "'nobody'" in message and name[layer] in message
    message = problems(config, **{f"datasets__{name['datasets']}__generators": ["nobody"]})
    assert "'nobody'" in message and name["generators"] in message


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("generators__{generators}__responses__temperature", 0, "all samples would be the same"),
        ("generators__{generators}__responses__max_tokens", 10**6, "the window of"),
        ("generators__{generators}__tasks__categories", {"function": 0}, "at least one weight above 0"),
        ("seeds__shards", 10**6, "more than the"),
        ("seeds__licences", ["GPL-3.0-only"], "does not allow"),
        ("checkpoints__{checkpoints}__recipe__micro_batch_size", 7, "not a multiple"),
        ("sandbox__wall_seconds", 0.5, "below cpu_seconds"),
        ("models__{models}__engine", "endpoint", "endpoint is missing"),
    ],
)
def test_rules_that_span_keys(config, key, value, expected):
    assert expected in problems(config, **{key.format(**names(config)): value})


@pytest.mark.parametrize(
    ("api", "template", "wrong"),
    [("completions", "native", True), ("completions", "instruction", False), ("chat", "native", False)],
)
def test_a_completion_server_has_no_template_of_its_own(config, api, template, wrong):
    entry = {
        "engine": "endpoint",
        "chat_template": template,
        "endpoint": {"url": "http://x/v1", "model": "m", "api": api},
    }
    config["models"]["served"] = entry
    if wrong:
        assert r"models.served.chat_template is native" in problems(config)
    else:
        resolve_config(config)


def test_a_checkpoint_must_not_be_called_like_a_model(config):
    name = names(config)
    entry = config["checkpoints"][name["checkpoints"]]
    assert "has the name of a model" in problems(config, **{f"checkpoints__{name['models']}": entry})


def test_all_problems_are_reported_at_once(config):
    changed = copy.deepcopy(config)
    changed["seeds"]["shards"], changed["typo"] = 0, 1
    with pytest.raises(UserError, match="2 problems"):
        resolve_config(changed)


def test_the_schema_is_closed_and_described_at_every_level():
    def walk(node, path):
        if isinstance(node, dict):
            if "properties" in node:
                assert node.get("additionalProperties") is False, f"{path} accepts unknown keys"
                for key, sub in node["properties"].items():
                    assert "const" in sub or dereference(sub).get("description"), f"{path}.{key} is not described"
            for key, sub in node.items():
                walk(sub, f"{path}.{key}")
        elif isinstance(node, list):
            for index, sub in enumerate(node):
                walk(sub, f"{path}[{index}]")

    walk(load_schema(), "")


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ({"url": "https://user:sk-secret@host/v1"}, r"endpoint\.url holds more than an address"),
        ({"url": "https://host/v1?key=sk-secret"}, r"endpoint\.url holds more than an address"),
        ({"key_env": "sk-secret"}, r"endpoint\.key_env is no name"),
        ({"key_env": "AIzaSecret"}, r"endpoint\.key_env is no name"),
        ({"extra": {"api_key": "sk-secret"}}, r"endpoint\.extra\.api_key looks like a key"),
    ],
)
def test_a_key_in_the_config_is_refused_without_being_shown(config, endpoint, said):
    entry = {"url": "https://host/v1", "model": "m", "key_env": "MY_KEY", "extra": {"prompt_cache_key": "a"}}
    config["models"]["served"] = {"engine": "endpoint", "endpoint": entry}
    resolve_config(config)
    config["models"]["served"]["endpoint"] = {**entry, **endpoint}
    with pytest.raises(UserError, match=said) as error:
        resolve_config(config)
    assert "ecret" not in str(error.value)


def test_every_key_is_required_or_has_a_default():
    def walk(node, path):
        if isinstance(node, dict):
            for key, sub in node.get("properties", {}).items():
                if isinstance(sub, dict) and ("type" in sub or "enum" in sub or "$ref" in sub or "anyOf" in sub):
                    known = key in node.get("required", []) or "default" in dereference(sub)
                    assert known or path == "", f"{path}.{key} has neither"
            for key, sub in node.items():
                walk(sub, f"{path}.{key}")
        elif isinstance(node, list):
            for index, sub in enumerate(node):
                walk(sub, f"{path}[{index}]")

    walk(load_schema()["$defs"], "$defs")


def test_the_documentation_is_in_step_with_the_schema(root):
    done = subprocess.run(
        [sys.executable, root / "scripts" / "write_config_docs.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
