"""`--insert-code` and `--response-format`: code becomes a cell that nobody has run, and answers have a form."""

from __future__ import annotations

import ast
import os
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from magistral_nb.errors import ProtocolError
from magistral_nb.notebook.new_cells import cell_of
from magistral_nb.rendering.code_blocks import fenced_code
from tests.fake_server import FakeServer
from tests.test_client import events_of
from tests.test_magics import at, run, shell

__all__ = ["shell"]

THREE = "First:\n```python\na = 1\n```\nThen:\n~~~ py title='x'\nb = 2\n~~~\n- at last\n\n  ```\n  c = a + b\n  ```\n"


def cell(shell: Any, answer: str) -> str:
    return cell_of(fenced_code(answer), by="magistral-small", transform=shell.transform_cell)


def code_in(inserted: str) -> str:
    """What Python would run of a cell."""
    return ast.unparse(ast.parse(inserted))


def test_three_blocks_become_one_cell_that_is_not_run(shell: InteractiveShell, server: FakeServer) -> None:
    server.play(events_of({"content": THREE}))
    result, printed, _ = run(shell, f"{at(server, '--insert-code -o r')}\nhi")
    assert result.success
    inserted = shell.rl_next_input
    assert code_in(inserted) == "a = 1\nb = 2\nc = a + b"
    assert inserted.startswith("# Written by magistral-small, not run yet: read it first.\n\n# Block 1 of 3\na = 1\n")
    assert "c" not in shell.user_ns
    assert "The 3 code blocks of the answer are below this cell. Nothing was run." in printed
    assert [notice.code for notice in shell.user_ns["r"].notices][-1] == "code_inserted"
    assert run(shell, inserted)[0].success
    assert shell.user_ns["c"] == 3


def test_a_page_is_told_of_a_cell_for_each_block_beside_the_one_that_it_inserts(
    shell: Any, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_in_a_kernel(text: str, replace: bool = False) -> None:
        shell.payload_manager.write_payload({"source": "set_next_input", "text": text, "replace": replace})

    monkeypatch.setattr(shell, "set_next_input", as_in_a_kernel)
    shell.payload_manager.write_payload({"source": "page", "data": {}})
    server.play(events_of({"content": THREE}))
    run(shell, f"{at(server, '--insert-code')}\nhi")
    page, asked = shell.payload_manager.read_payload()
    shell.payload_manager.clear_payload()
    head = "# Written by magistral-small, not run yet: read it first."
    assert code_in(asked["text"]) == "a = 1\nb = 2\nc = a + b"
    assert asked["magistral_nb"] == {"cells": [f"{head}\na = 1", f"{head}\nb = 2", f"{head}\nc = a + b"]}
    assert page == {"source": "page", "data": {}}


def test_without_the_option_or_without_code_nothing_is_inserted(shell: InteractiveShell, server: FakeServer) -> None:
    shell.rl_next_input = None
    server.play(events_of({"content": THREE}))
    run(shell, f"{at(server)}\nhi")
    assert shell.rl_next_input is None
    server.play(events_of({"content": "No code."}))
    _, printed, _ = run(shell, f"{at(server, '--insert-code')}\nhi")
    assert shell.rl_next_input is None
    assert "no code block" in printed


def test_a_reply_that_broke_off_inserts_nothing(shell: InteractiveShell, server: FakeServer) -> None:
    shell.rl_next_input = None
    server.play(events_of({"content": THREE}, finish=None))
    result, _, _ = run(shell, f"{at(server, '--insert-code')}\nhi")
    assert not result.success
    assert shell.rl_next_input is None


PWN = "./magistral_pwned"
HOSTILE = {
    "H35, a cell magic": f"%%bash\ntouch {PWN}",
    "H36": f"!touch {PWN}\n%run ./x.py\npass",
    "indented": f"if True:\n    !touch {PWN}\n    pass",
    "two marks": f"!!touch {PWN}",
    "assigned": f"x = !touch {PWN}\ny = %sx touch {PWN}",
    "a magic by its line": f"%sx touch {PWN}",
    "a magic in a function": f"def f():\n    %sx touch {PWN}\n    return 1\nf()",
    "after a carriage return": f"# harmless\r!touch {PWN}",
    "after other line ends": f"# a\x0c!touch {PWN}\x0b!touch {PWN}\u2028!touch {PWN}\x85!touch {PWN}\x1c!touch {PWN}",
    "continued": f"x = 1; \\\n!touch {PWN}",
    "prompts": f">>> !touch {PWN}\n>>> 1 + 1\n2",
    "IPython's prompts": f"In [1]: !touch {PWN}",
    "help": f"!touch {PWN}?\nprint?",
    "a magic behind blank lines": f"\n\n  %%bash\ntouch {PWN}",
    "deep": "    " * 30 + f"!touch {PWN}",
    "called": f"/system touch {PWN}\n,system touch {PWN}\n;system touch {PWN}",
}


@pytest.mark.parametrize("fence", ["```python", "```", "~~~bash"])
def test_a_command_in_a_block_is_shown_and_never_run(
    shell: Any, fence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worst reader: one who runs the new cell unread."""
    monkeypatch.chdir(tmp_path)
    for case, code in HOSTILE.items():
        inserted = cell(shell, f"Run this:\n{fence}\n{code}\n{fence[:3]}\n")
        assert "touch" in inserted, case
        run(shell, inserted)
        assert os.listdir(tmp_path) == [], case


def test_blocks_that_are_harmful_only_together_are_comments(
    shell: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    inserted = cell(shell, f'```python\nx = """\n```\n\n```python\n"""\n!touch {PWN}\n```\n')
    run(shell, inserted)
    assert os.listdir(tmp_path) == []
    assert all(line.startswith("#") for line in inserted.splitlines() if line)


def test_python_stays_as_it_is(shell: Any) -> None:
    code = 'text = """\n!ls is a command\n%%bash\n"""\nif 7 % 2 != 0:\n    print(f"{7 % 2}!")  # odd?\ny = 5 /\\\n  2'
    inserted = cell(shell, f"```python\n{code}\n```")
    assert inserted == f"# Written by magistral-small, not run yet: read it first.\n{code}"


def test_other_languages_are_comments_and_fences_nest(shell: Any) -> None:
    answer = (
        '````markdown\n```python\nnot_code\n```\n````\n\n```json\n{"a": 1}\n```\n\n    indented = 1\n\n'
        "```python\nlast = 2  # never closed\n"
    )
    inserted = cell(shell, answer)
    assert code_in(inserted) == "indented = 1\nlast = 2"
    assert "# markdown, so it is a comment:\n# ```python\n# not_code\n# ```" in inserted
    assert '# json, so it is a comment:\n# {"a": 1}' in inserted


def test_a_name_of_a_model_or_language_ends_no_comment(shell: Any) -> None:
    blocks = fenced_code(f"```x\u2028!touch\r{PWN}\nsome text\n```")
    inserted = cell_of(blocks, by=f"m\n!touch {PWN}", transform=shell.transform_cell)
    assert all(line.startswith("#") for line in inserted.splitlines())


MODEL = "from pydantic import BaseModel\nclass Prime(BaseModel):\n    number: int\n"


def test_response_format_names_a_variable(shell: InteractiveShell, server: FakeServer) -> None:
    run(shell, MODEL)
    server.play(events_of({"content": '{"number": 91}'}))
    result, _, _ = run(shell, f"{at(server, '--response-format Prime')}\nhi")
    assert result.success
    assert shell.user_ns["_"].parsed == shell.user_ns["Prime"](number=91)
    run(shell, f"{at(server, '--response-format Prime --dry-run -q')}\nhi")
    assert '"number"' in shell.user_ns["_"].text
    run(shell, "schema = {'type': 'object', 'properties': {'number': {'type': 'integer'}}}")
    run(shell, f"%magistral ask --base-url {server.base_url} -m m --response-format schema hi")
    assert shell.user_ns["_"].parsed == {"number": 91}


@pytest.mark.parametrize(
    ("name", "says"), [("Prim", "Did you mean Prime"), ("x", "--response-format x"), ("n", "None")]
)
def test_a_name_that_holds_no_form_is_told_in_one_line(
    shell: InteractiveShell, server: FakeServer, name: str, says: str
) -> None:
    run(shell, f"{MODEL}x = 3\nn = None")
    result, printed, _ = run(shell, f"{at(server, f'--response-format {name}')}\nhi")
    assert says in str(result.error_in_exec)
    assert "Traceback" not in printed
    assert server.requests == []


def test_an_answer_that_does_not_fit_is_shown_and_kept(shell: InteractiveShell, server: FakeServer) -> None:
    run(shell, MODEL)
    server.play(events_of({"content": "It is a rather long first answer."}))
    server.play(events_of({"content": "Still no."}))
    result, printed, _ = run(shell, f"{at(server, '--response-format Prime -o r')}\nhi")
    assert isinstance(result.error_in_exec, ProtocolError)
    assert shell.user_ns["r"].answer == "Still no."
    assert "rather long first answer" in printed
    assert "Still no." in printed
