"""Without FastAPI: what works all the same, and what says how to get it."""

from __future__ import annotations

import pytest

from tests.programs import printed


def test_importing_the_integration_does_not_load_fastapi() -> None:
    code = """
        import sys
        import reliai.integrations.fastapi
        print([name for name in ("fastapi", "starlette", "asyncio") if name in sys.modules])
    """
    assert printed(code) == ["[]"]


@pytest.mark.parametrize("use", ["install(None)", "sse(iter('ab'))", "feedback_router()"])
def test_what_needs_it_names_the_extra(use: str) -> None:
    code = f"""
        import sys
        sys.modules["fastapi"] = None
        from reliai import ConfigurationError
        from reliai.integrations.fastapi import feedback_router, install, sse
        try:
            {use}
        except ConfigurationError as error:
            print(error)
    """
    (said,) = printed(code)
    assert said.startswith(use.partition("(")[0])
    assert said.endswith('pip install "reliai[fastapi]"')
