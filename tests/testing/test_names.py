from __future__ import annotations

import importlib
import inspect
import pkgutil

import pytest

from reliai import testing


@pytest.mark.parametrize("name", testing.__all__)
def test_each_name_is_the_thing_and_no_module_of_that_name(name: str) -> None:
    for module in pkgutil.iter_modules(testing.__path__, "reliai.testing."):
        importlib.import_module(module.name)  # a module that is imported is put on its package
    thing = getattr(testing, name)
    assert not inspect.ismodule(thing)
    assert inspect.isclass(thing) or inspect.isfunction(thing)


def test_dir_lists_names_before_they_are_loaded() -> None:
    assert set(testing.__all__) <= set(dir(testing))


def test_an_unknown_name_is_an_attribute_error() -> None:
    name = "nonsense"
    with pytest.raises(AttributeError, match=r"'reliai\.testing' has no attribute 'nonsense'"):
        getattr(testing, name)
