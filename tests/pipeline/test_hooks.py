import inspect

import pluggy
import pytest

from recipeline import hooks
from recipeline.hooks import RunContext, hookimpl

SIGNATURES = {
    "recipeline_plugins": (),
    "recipeline_run_started": ("run",),
    "recipeline_stage_started": ("stage", "run"),
    "recipeline_callbacks": ("run",),
    "recipeline_stage_finished": ("stage", "run", "seconds"),
    "recipeline_run_finished": ("run", "status"),
}


@pytest.fixture
def manager():
    made = pluggy.PluginManager(hooks.PROJECT)
    made.add_hookspecs(hooks)
    return made


def test_the_hooks_are_these_with_these_arguments():
    found = {
        name: tuple(inspect.signature(function).parameters)
        for name, function in vars(hooks).items()
        if name.startswith("recipeline_")
    }
    assert found == SIGNATURES


@pytest.mark.parametrize("name", SIGNATURES)
def test_each_is_documented_and_drawn_at_the_top(name):
    assert getattr(hooks, name).__doc__.endswith(".")
    assert name in hooks.__doc__


@pytest.mark.parametrize("name", SIGNATURES)
def test_each_calls_whoever_implements_it(manager, name, tmp_path):
    heard = []
    arguments = {"run": RunContext(None, tmp_path), "stage": "fit", "seconds": 1.0, "status": "FINISHED"}
    given = {key: arguments[key] for key in SIGNATURES[name]}

    class Listener:
        pass

    names = ", ".join(SIGNATURES[name])
    scope = {"heard": heard}
    exec(f"def {name}({names}):\n    heard.append(({names}{',' if names else ''}))\n    return ['x']", scope)
    setattr(Listener, name, staticmethod(hookimpl(scope[name])))
    manager.register(Listener)
    result = getattr(manager.hook, name)(**given)
    assert heard == [tuple(given.values())]
    assert result == [["x"]]


def test_an_argument_that_no_hook_has_is_refused(manager):
    class Wrong:
        @staticmethod
        @hookimpl
        def recipeline_run_started(run, nothing):
            pass

    with pytest.raises(pluggy.PluginValidationError, match="nothing"):
        manager.register(Wrong)
