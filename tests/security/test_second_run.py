"""The second run: what rests on hash seed, clock, time zone or locale passes once and not twice; waiting is as ever."""

import ast

import pytest

from selfalign.sandbox import Sandbox

FLAKY = {
    "order in a set": ("def first(names):\n    return list(set(names))[0]", "assert first('abcdefgh') == {value!r}"),
    "year": ("import datetime\ndef year():\n    return datetime.date.today().year", "assert year() == {value!r}"),
    "day": ("import time\ndef day():\n    return time.strftime('%j')", "assert day() == {value!r}"),
    "age": (
        "from datetime import datetime\ndef age(born):\n    return (datetime.now() - datetime(born, 1, 1)).days // 366",
        "assert age(2000) == {value!r}",
    ),
    "hours from Greenwich": ("import time\ndef zone():\n    return time.timezone", "assert zone() == {value!r}"),
    "decimal point": (
        "import locale\nlocale.setlocale(locale.LC_ALL, '')\ndef show(x):\n    return f'{x:n}'",
        "assert show(1.5) == {value!r}",
    ),
}
"""Name -> solution, tests; the value is what the function gives in the usual environment."""
STEADY = {
    "sleep": (
        "import time\ndef nap():\n    began = time.time()\n    time.sleep(0.2)\n    return time.time() - began",
        "assert 0.2 <= nap() < 20",
    ),
    "wait": ("import threading\ndef wait():\n    return threading.Event().wait(0.1)", "assert wait() is False"),
    "queue": (
        "import queue\ndef get():\n    try:\n        return queue.Queue().get(timeout=0.1)\n    except queue.Empty:\n        return 'none'",
        "assert get() == 'none'",
    ),
    "elapsed": ("import time\ndef now():\n    return time.monotonic()", "a = now()\nassert 0 <= now() - a < 20"),
    "order of times": (
        "from datetime import datetime, timedelta\ndef later(hours):\n    return datetime.now() + timedelta(hours=hours)",
        "assert later(1) > datetime.now() > later(-1)",
    ),
}


@pytest.fixture(scope="module")
def second(sandbox_image, engine, sandbox):
    with Sandbox.open(sandbox_image, sandbox.limits, engine=engine, workers=2, second=True) as opened:
        yield opened


def value_here(sandbox, solution: str, call: str) -> object:
    """What a call gives in the usual environment, from the message of a failed check."""
    (result,) = sandbox.run([(solution, f"value = {call}\nassert value is None, repr(value)")])
    return ast.literal_eval(result.reason.removeprefix("AssertionError: ").rpartition(" at ")[0])


@pytest.mark.parametrize("name", FLAKY)
def test_what_rests_on_the_environment_does_not_pass_twice(sandbox, second, name):
    solution, tests = FLAKY[name]
    call = tests.removeprefix("assert ").partition(" == ")[0]
    program = (solution, tests.replace("{value!r}", repr(value_here(sandbox, solution, call))))
    assert sandbox.run([program])[0].passed
    assert second.run([program])[0].verdict == "assertion_failed"


@pytest.mark.parametrize("name", STEADY)
def test_waiting_and_differences_of_times_are_as_ever(second, name):
    (result,) = second.run([STEADY[name]])
    assert result.passed, result
