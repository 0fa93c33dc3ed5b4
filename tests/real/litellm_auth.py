"""Whose key may do what: the hook that the LiteLLM proxy under test calls for each request.

The proxy runs in an environment of its own and loads a copy of this file; the tests import its keys. Virtual keys
would need a database. Wherever it can, the hook lets LiteLLM's own code judge a key and raise its own error. What
older releases said is spelled as LiteLLM 1.72 and 1.80 do, in `user_api_key_auth.py` and `auth_exception_handler.py`
of `litellm/proxy/auth`.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
from typing import Any

CALLS = "MAGISTRAL_TEST_CALLS"
"""The environment variable that names the file to which each call is added, as a line of JSON: path and key."""

GOOD = "sk-good-83d1c07a5e"
SPENT = "sk-spent-5c0e9b7f12"
SPENT_OLD = {400: "sk-spent-400-e21f7d", 429: "sk-spent-429-90b3aa"}
"""Keys without money at a release that says so with this status. Today it is 422."""
ELSEWHERE = "sk-elsewhere-77ab01c4"
"""May use another model only."""
ONE_A_MINUTE = "sk-one-a-minute-"
"""How keys begin that may ask once a minute."""
UNKNOWN = "sk-unknown-1f6e0d9c3b"
UNKNOWN_OLD = "sk-unknown-old-b85d2e6f"
"""Unknown to a release that answers with the key's end and its hash."""
NO_PREFIX = "unknown-4a7c918e5d02"
"""Unknown to a release that answers with the whole key, since it does not begin with sk-."""


async def judge(request: Any, api_key: str) -> Any:
    """Return what a key may do, or raise what LiteLLM raises for it."""
    with open(os.environ[CALLS], "a", encoding="utf-8") as calls:
        calls.write(json.dumps([request.url.path, api_key]) + "\n")
    if api_key in (UNKNOWN_OLD, NO_PREFIX):
        raise _unknown_to_old_release(api_key)
    if api_key in SPENT_OLD.values():
        raise _spent_at_old_release(api_key)
    return await _allowed(api_key)


async def _allowed(api_key: str) -> Any:
    allow = _of_litellm("proxy._types").UserAPIKeyAuth
    if api_key == GOOD:
        return allow(api_key=api_key)
    if api_key == SPENT:
        return await _with_budget_checked(allow(api_key=api_key, key_alias="a-course", spend=20.5, max_budget=20.0))
    if api_key == ELSEWHERE:
        return allow(api_key=api_key, models=["another-model"])
    if api_key.startswith(ONE_A_MINUTE):
        return allow(api_key=api_key, rpm_limit=1)
    raise _of_litellm("proxy.auth.resolvers.exceptions").KeyNotFoundError(_hash(api_key))


async def _with_budget_checked(allowed: Any) -> Any:
    log = _of_litellm("proxy.proxy_server").proxy_logging_obj
    await _of_litellm("proxy.auth.auth_checks").virtual_key_max_budget_check(valid_token=allowed, proxy_logging_obj=log)
    return allowed


def _unknown_to_old_release(api_key: str) -> Any:
    types = _of_litellm("proxy._types")
    if api_key == NO_PREFIX:
        told = f"LiteLLM Virtual Key expected. Received={api_key}, expected to start with 'sk-'."
        kind = types.ProxyErrorTypes.auth_error
    else:
        told = (
            f"Invalid proxy server token passed. Received API Key = sk-...{api_key[-4:]}, "
            f"Key Hash (Token) ={_hash(api_key)}. Unable to find token in cache or `LiteLLM_VerificationTokenTable`"
        )
        kind = types.ProxyErrorTypes.token_not_found_in_db
    return types.ProxyException(message=f"Authentication Error, {told}", type=kind, param="key", code=401)


def _spent_at_old_release(api_key: str) -> Any:
    error = _of_litellm("exceptions").BudgetExceededError(current_cost=20.5, max_budget=20.0)
    error.status_code = next(status for status, key in SPENT_OLD.items() if key == api_key)
    return error


def _of_litellm(module: str) -> Any:
    """Return a module of LiteLLM, which is installed in the proxy's environment only."""
    return importlib.import_module(f"litellm.{module}")


def _hash(api_key: str) -> str:
    return hashlib.sha256(api_key.encode()).hexdigest()
