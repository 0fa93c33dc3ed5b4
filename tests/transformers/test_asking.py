"""What a user of Client('transformers') sees: the same text as by hand, thinking apart, calls, counts and ends."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import threading
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from magistral_nb import Client, ConfigurationError, ContextLengthError, assistant, user
from magistral_nb.events import AnswerDelta, Event, Notice, ThinkingDelta, ToolCall, Waiting
from magistral_nb.transports import demo_model
from tests.transformers.conftest import AskClient, seconds_until_idle
from tests.transformers.tiny_models import ADD, LEARNED, PRIME, SMILE, WINDOW

QUESTION = "Why is the sky blue?"
ENDLESS = 50_000
"""So many tokens would take minutes."""


def by_hand(place: Path, question: str, tokens: int, *, gguf_file: str | None = None) -> tuple[str, int, int]:
    """Return what a user of `transformers` gets without us, greedily, and how many tokens were asked and answered."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    options = {"gguf_file": gguf_file} if gguf_file else {}
    tokenizer = AutoTokenizer.from_pretrained(place, **options)
    model = AutoModelForCausalLM.from_pretrained(place, **options)
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": question}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    said = model.generate(**asked, max_new_tokens=tokens, do_sample=False)[0, asked["input_ids"].shape[1] :]
    return tokenizer.decode(said, skip_special_tokens=True), asked["input_ids"].shape[1], len(said)


def test_the_text_is_that_of_generate_by_hand(llama_folder: Path, ask: AskClient) -> None:
    reply = ask(llama_folder).chat(QUESTION, temperature=0, max_tokens=60)
    text, asked, answered = by_hand(llama_folder, QUESTION, 60)
    assert reply.answer == text
    assert reply.usage
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (asked, answered)


def test_the_embedded_model_says_the_same_as_by_hand(ask: AskClient) -> None:
    path = demo_model.locate()
    reply = ask(path).chat(QUESTION, temperature=0, max_tokens=24)
    text, asked, answered = by_hand(path.parent, QUESTION, 24, gguf_file=path.name)
    assert reply.answer == text
    assert reply.usage
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (asked, answered)
    assert reply.finish_reason == "length"


def test_thinking_and_answer_are_told_apart(magistral_folder: Path, ask: AskClient) -> None:
    with ask(magistral_folder).stream(PRIME, temperature=0) as stream:
        events = list(stream)
    assert stream.reply.thinking == LEARNED[PRIME][1]
    assert stream.reply.answer == LEARNED[PRIME][3]
    assert stream.reply.finish_reason == "stop"
    assert len(of(events, ThinkingDelta)) > 2  # it streams
    assert len(of(events, AnswerDelta)) > 2
    assert stream.reply.usage
    assert stream.reply.usage.completion_tokens > (stream.reply.usage.reasoning_tokens or 0) > 3


def test_half_characters_are_never_shown(magistral_folder: Path, ask: AskClient) -> None:
    with ask(magistral_folder).stream(SMILE, temperature=0) as stream:
        pieces = [event.text for event in stream if isinstance(event, ThinkingDelta | AnswerDelta)]
    assert (stream.reply.thinking, stream.reply.answer) == (LEARNED[SMILE][1], LEARNED[SMILE][3])
    assert not any("\ufffd" in piece for piece in pieces)


def test_a_call_is_a_call(magistral_folder: Path, ask: AskClient) -> None:
    reply = ask(magistral_folder).chat(ADD, temperature=0)
    assert [(call.name, call.arguments) for call in reply.tool_calls] == [("add", LEARNED[ADD][6])]
    assert len(reply.tool_calls[0].id) == 9
    assert (reply.thinking, reply.answer, reply.finish_reason) == (LEARNED[ADD][1], "", "tool_calls")


def test_a_stop_string_ends_the_reply_before_it(magistral_folder: Path, ask: AskClient) -> None:
    client = ask(magistral_folder, temperature=0)
    whole, reply = client.chat(PRIME), client.chat(PRIME, stop="it is")
    assert (reply.answer, reply.finish_reason) == ("No, ", "stop")
    assert whole.usage
    assert reply.usage
    assert reply.usage.completion_tokens < whole.usage.completion_tokens - 1  # the model has stopped, too


def test_a_reply_is_continued_where_it_ends(magistral_folder: Path, ask: AskClient) -> None:
    begun = assistant("No, it", thinking=LEARNED[PRIME][1])
    reply = ask(magistral_folder, keep_thinking="all").chat([user(PRIME), begun], temperature=0)
    assert reply.answer == " is not."


def test_the_same_seed_says_the_same_and_the_users_random_state_is_left_alone(
    llama_folder: Path, ask: AskClient
) -> None:
    import torch

    client = ask(llama_folder, max_tokens=12)
    before = torch.get_rng_state()
    texts = [client.chat(QUESTION, seed=seed).answer for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]
    assert torch.equal(torch.get_rng_state(), before)
    assert client.chat(QUESTION).answer != client.chat(QUESTION).answer  # no seed: a new one each time


def test_sampling_is_as_asked_whatever_the_files_recommend(llama_folder: Path, tmp_path: Path, ask: AskClient) -> None:
    folder = tmp_path / "greedy-llama"
    shutil.copytree(llama_folder, folder)
    file = folder / "generation_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"top_k": 1, "do_sample": True, "temperature": 0.1}))
    client = ask(folder, max_tokens=8, temperature=1.0, top_p=1.0)
    texts = {seed: client.chat(QUESTION, seed=seed).answer for seed in (1, 2)}
    assert texts[1] != texts[2]  # with top_k 1 both would be the best
    greedy = client.chat(QUESTION, temperature=0).answer
    assert client.chat(QUESTION, seed=1, extra_body={"top_k": 1}).answer == greedy
    assert client.chat(QUESTION, seed=1, extra_body={"min_p": 1.0}).answer == greedy


def test_a_repetition_penalty_is_heeded(magistral_folder: Path, ask: AskClient) -> None:
    reply = ask(magistral_folder).chat(PRIME, temperature=0, max_tokens=30, extra_body={"repetition_penalty": 50.0})
    assert "7 times 13 is 91" not in reply.thinking


def test_a_prompt_longer_than_the_window_is_refused_with_the_numbers(llama_folder: Path, ask: AskClient) -> None:
    with pytest.raises(ContextLengthError, match=f"tokens, and the model's window holds {WINDOW}") as caught:
        ask(llama_folder).chat("why " * WINDOW)
    assert caught.value.limit == WINDOW


def test_max_tokens_are_what_fits(llama_folder: Path, ask: AskClient) -> None:
    reply = ask(llama_folder).chat("why " * (WINDOW - 60), temperature=0, max_tokens=600)
    assert reply.usage
    assert reply.usage.prompt_tokens + reply.usage.completion_tokens == WINDOW
    assert reply.finish_reason == "length"


def test_leaving_a_stream_stops_the_model_at_once(endless_folder: Path, ask: AskClient) -> None:
    client = ask(endless_folder)
    with client.stream(QUESTION, temperature=0, max_tokens=ENDLESS) as stream:
        next(event for event in stream if isinstance(event, AnswerDelta))
    assert seconds_until_idle() < 1
    assert client.chat(QUESTION, max_tokens=3).usage  # and it is ready for the next question


async def test_cancelling_a_task_stops_the_model_at_once(endless_folder: Path, ask: AskClient) -> None:
    client = ask(endless_folder)
    began = asyncio.Event()

    async def listen() -> None:
        async with client.astream(QUESTION, temperature=0, max_tokens=ENDLESS) as stream:
            async for event in stream:
                if isinstance(event, AnswerDelta):
                    began.set()

    task = asyncio.create_task(listen())
    await began.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert await asyncio.to_thread(seconds_until_idle) < 1
    assert (await client.achat(QUESTION, max_tokens=3)).usage


async def test_both_colours_say_the_same(llama_folder: Path, ask: AskClient) -> None:
    client = ask(llama_folder, temperature=0, max_tokens=10)
    assert (await client.achat(QUESTION)).answer == await asyncio.to_thread(lambda: client.chat(QUESTION).answer)


def test_two_models_answer_at_once(llama_folder: Path, other_folder: Path, ask: AskClient) -> None:
    client = ask(llama_folder, temperature=0, max_tokens=40)
    alone = [client.chat(QUESTION, model=str(folder)).answer for folder in (llama_folder, other_folder)]
    assert alone[0] != alone[1]
    together: dict[int, str] = {}

    def chat(number: int, folder: Path) -> None:
        together[number] = client.chat(QUESTION, model=str(folder)).answer

    threads = [threading.Thread(target=chat, args=pair) for pair in enumerate((llama_folder, other_folder))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [together[0], together[1]] == alone


def test_replies_of_one_model_take_turns_and_say_so(llama_folder: Path, ask: AskClient) -> None:
    first, second = ask(llama_folder, temperature=0), ask(llama_folder, temperature=0)
    with first.stream(QUESTION, max_tokens=300) as stream:
        next(event for event in stream if isinstance(event, AnswerDelta))
        with second.stream(QUESTION, max_tokens=5) as waiting:
            events = list(waiting)
    assert "busy" in [event.why for event in of(events, Waiting)]
    assert waiting.reply.usage


def test_a_model_is_shared_and_freed_when_the_last_client_is_closed(llama_folder: Path, ask: AskClient) -> None:
    from magistral_nb.transports.transformers_sharing import SHELF

    clients = [ask(llama_folder, max_tokens=2), ask(llama_folder, max_tokens=2)]
    for client in clients:
        client.chat(QUESTION)
    (shared,) = SHELF.in_use()
    engine = shared.loading.result()  # whoever still holds it holds no model
    model = weakref.ref(engine._model)
    clients[0].close()
    assert model() is not None
    clients[1].close()
    assert model() is None
    assert clients[0].chat(QUESTION).usage  # a closed client starts anew


def test_closing_a_client_in_mid_reply_ends_the_reply(endless_folder: Path, ask: AskClient) -> None:
    client = ask(endless_folder, temperature=0)
    with client.stream(QUESTION, max_tokens=ENDLESS) as stream:
        next(event for event in stream if isinstance(event, AnswerDelta))
        began = time.monotonic()
        client.close()
        assert time.monotonic() - began < 2
        with pytest.raises(Exception, match="closed before the reply was finished"):
            list(stream)


@pytest.mark.parametrize("field", ["response_format", "logit_bias", "n"])
def test_what_cannot_be_honoured_is_refused(llama_folder: Path, ask: AskClient, field: str) -> None:
    with pytest.raises(ConfigurationError, match=field):
        ask(llama_folder).chat(QUESTION, extra_body={field: {}})


def test_nothing_is_printed(llama_folder: Path, ask: AskClient, capfd: pytest.CaptureFixture[str]) -> None:
    ask(llama_folder).chat(QUESTION, max_tokens=3)
    assert capfd.readouterr().out == ""


def test_a_notice_says_that_calls_of_other_models_stay_text(llama_folder: Path, tmp_path: Path, ask: AskClient) -> None:
    folder = with_template(llama_folder, tmp_path, before="{% if tools %}{{ tools | tojson }}{% endif %}")
    tools = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}]
    with ask(folder).stream(QUESTION, tools=tools, max_tokens=3) as stream:
        codes = [event.code for event in stream if isinstance(event, Notice)]
    assert codes == ["calls_stay_text"]


def test_thinking_that_the_template_has_no_place_for_is_told(llama_folder: Path, ask: AskClient) -> None:
    said = [user(QUESTION), assistant("Light.", thinking="Hm."), user("Why?")]
    with ask(llama_folder, keep_thinking="all").stream(said, max_tokens=3) as stream:
        codes = [event.code for event in stream if isinstance(event, Notice)]
    assert codes == ["thinking_left_out"]


def test_a_reply_begins_in_the_thought_that_the_template_opens(
    llama_folder: Path, tmp_path: Path, ask: AskClient
) -> None:
    folder = with_template(llama_folder, tmp_path, after="{% if add_generation_prompt %}<think>\n{% endif %}")
    reply = ask(folder).chat(QUESTION, temperature=0, max_tokens=10)
    assert (reply.thinking, reply.answer) == (by_hand(folder, QUESTION, 10)[0].strip(), "")


def with_template(folder: Path, tmp_path: Path, *, before: str = "", after: str = "") -> Path:
    """Return a copy of a model's folder, whose template writes something more."""
    copy = Path(shutil.copytree(folder, tmp_path / "llama-with-template"))
    file = copy / "chat_template.jinja"
    file.write_text(before + file.read_text("utf-8") + after, "utf-8")
    return copy


def of(events: Sequence[Event], kind: type[Any]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


def test_no_call_was_made_where_none_was_written(llama_folder: Path, ask: AskClient) -> None:
    with ask(llama_folder).stream(QUESTION, max_tokens=5) as stream:
        assert not of(list(stream), ToolCall)


def test_a_client_without_a_model_says_what_to_name() -> None:
    with pytest.raises(ConfigurationError, match="No model was named for transformers") as caught:
        Client("transformers").chat(QUESTION)
    assert "a folder" in caught.value.hint
