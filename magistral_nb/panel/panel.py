"""The chat panel as a widget: what Python composes and observes, and what the page is told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, Unpack
from uuid import uuid4

from ipywidgets import CallbackDispatcher
from traitlets import Any as AnyTrait
from traitlets import Bool, Dict, List, Unicode

from magistral_nb.call_settings import CallSettings
from magistral_nb.client import Client
from magistral_nb.conversations import Conversation
from magistral_nb.notebook.control import PANELS
from magistral_nb.notebook.widgets import Stubbed, bring_bundle
from magistral_nb.panel.asked import Pending, Question
from magistral_nb.panel.desk import Desk
from magistral_nb.panel.facts import EXAMPLES, choices_of, meter_of, welcome_of
from magistral_nb.panel.listening import listen, report
from magistral_nb.panel.ops import Ops
from magistral_nb.panel.resuming import conversation_of, settings_of
from magistral_nb.panel.transcript import Transcript
from magistral_nb.panel.wire import Data, seen_messages
from magistral_nb.rendering.text import whole
from magistral_nb.replies import Reply

_OURS = ("messages", "busy", "settings", "choices", "meter", "welcome", "live", "panel_id", "kind", "version")


class ChatPanel(Stubbed):
    """A chat in the page, which goes on while other cells run. Give it a client, or a conversation to go on with.

    Traits to observe and to link: `messages`, what was said as OpenAI-like messages, changed when a turn has ended;
    `busy`; `reply`, the last one; `disabled`, which can be set and keeps readers from asking. Observers run in the
    panel's own thread.

    examples : questions that an empty panel offers. settings : those of a call, such as `instructions` or `seed`, for
    every question; readers can change some of them in the panel.

    >>> panel = ChatPanel(Client("demo"), instructions="You are a tutor. Give hints, no solutions.")
    >>> panel
    """

    kind = Unicode("panel").tag(sync=True)
    panel_id = Unicode().tag(sync=True)
    messages: Any = List(read_only=True).tag(sync=True, to_json=lambda value, panel: panel.desk.snapshot()[0])
    busy = Bool(False, read_only=True).tag(sync=True)
    disabled = Bool(False).tag(sync=True)
    reply: Any = AnyTrait(None, allow_none=True, read_only=True)
    settings: Any = Dict(read_only=True).tag(sync=True)
    choices: Any = Dict(read_only=True).tag(sync=True)
    meter: Any = Dict(read_only=True).tag(sync=True)
    welcome: Any = Dict(read_only=True).tag(sync=True)
    live: Any = Dict(None, allow_none=True, read_only=True).tag(
        sync=True, to_json=lambda value, panel: panel.desk.snapshot()[1]
    )

    def __init__(
        self,
        client: Client | Conversation | None = None,
        *,
        examples: Sequence[str] = EXAMPLES,
        disabled: bool = False,
        **settings: Unpack[CallSettings],
    ) -> None:
        bring_bundle()
        talk = client if isinstance(client, Conversation) else Conversation(client or Client())
        self.desk = Desk(talk, settings, tell=self.tell, changed=self._changed, looked=self._looked)
        self._ops, self._replied, self._examples = Ops(self), CallbackDispatcher(), tuple(examples)
        panel_id = uuid4().hex
        super().__init__(panel_id=panel_id, disabled=disabled)
        self._transcript = Transcript(panel_id, self.model_id, talk, self.desk.snapshot, lambda: dict(self.settings))
        self.set_trait("messages", seen_messages(talk.turns))
        self._show_facts()
        self.on_msg(self._heard)
        PANELS[panel_id] = self._ops.hear
        listen(lambda one: one._transcript if isinstance(one, ChatPanel) else None)

    @classmethod
    def resume(cls, transcript: Mapping[str, Any] | str, client: Client | None = None, **options: Any) -> Self:
        """Return a panel that goes on with what a page or a saved notebook holds of one, after a restart.

        Raises ConfigurationError for what is no transcript. Nothing in it is run.
        """
        panel = cls(conversation_of(transcript, client), **options)
        if client is None:
            panel.desk.wishes.set(settings_of(transcript))
            panel.settings_changed()
        return panel

    @property
    def conversation(self) -> Conversation:
        """The conversation behind the panel; its verbs work on it while the panel is not busy."""
        return self.desk.conversation

    def ask(self, text: str) -> Pending:
        """Ask as a reader does, and return at once. `.result()` of what is returned waits for the Reply.

        Raises ConfigurationError while the panel is busy. What goes wrong later stands in the log, and is raised by
        `.result()`.
        """
        return self.desk.ask(text)

    def stop(self) -> None:
        """Stop the reply that is coming in, if one is. What has come is kept."""
        self.desk.stop()

    def on_reply(self, callback: Callable[[Reply], object], *, remove: bool = False) -> None:
        """Call a function with each reply that has come, stopped ones too; not after an error.

        It runs in the panel's thread, when the panel is no longer busy: it may ask the next question.
        """
        self._replied.register_callback(callback, remove=remove)

    def show(self) -> None:
        """Display the panel here."""
        self._transcript.show()

    def __repr__(self) -> str:
        turns = len(self.desk.conversation.turns)
        return f"<ChatPanel: {turns} turn{'' if turns == 1 else 's'}>"

    def close(self) -> None:
        """Stop, and leave the text where the panel stood."""
        if sys.is_finalizing():
            return  # Python ends, and ipywidgets closes what nobody closed: there is no page any more
        self.stop()
        if PANELS.pop(self.panel_id, None) is None:
            return
        self._transcript.close()
        self.desk.close()
        super().close()

    def tell(self, message: Data) -> None:
        """Send a message to every page that shows the panel."""
        if self.comm is not None:
            self.send(whole(message))

    def is_drawn(self, *, follows: bool) -> None:
        """Take note that a page draws the panel."""
        if follows:
            self._transcript.follow()

    def show_models(self, models: list[str] | None, error: str) -> None:
        """Show which models the endpoint offers."""
        self._show("choices", choices_of(self.desk.wishes.clients, models, error))

    def settings_changed(self) -> None:
        """Show the settings in force."""
        self._show_facts(models=self.choices.get("models"), error=self.choices.get("models_error", ""))

    def state(self) -> Data:
        """Return how the panel stands, for a page that cannot ask for the widget, since the kernel is busy."""
        state = self.get_state()
        return {name: state[name] for name in (*_OURS, "disabled")}

    def kept(self) -> Data:
        """Return what a notebook keeps, for a page that was loaded anew: no display's renewal reaches it."""
        return self._transcript.bundle(with_widget=False)

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> Data:
        """Return the traits, and with them what was said, for a page that was loaded again or shows a second view."""
        state: Data = super().get_state(key, drop_defaults)
        if key is None:
            state["messages"], state["live"] = self.desk.snapshot(for_page=self.comm is not None)
        told: Data = whole(state)  # half a character in a question would keep the whole message from being sent
        return told

    def set_state(self, sync_data: Mapping[str, Any]) -> None:
        """Take over what a page has set. Pages set nothing of ours but `disabled`; the rest they ask for."""
        super().set_state({name: value for name, value in sync_data.items() if name not in _OURS})

    def _should_send_property(self, key: str, value: Any) -> bool:
        """Keep what was said out of what is sent at each change: the pages were told already."""
        return key not in ("messages", "live") and bool(super()._should_send_property(key, value))

    def _repr_mimebundle_(self, **how: Any) -> tuple[Data, Data]:
        return self._transcript.bundle(with_widget=True), self._transcript.metadata()

    def _ipython_display_(self) -> None:
        self.show()

    def _heard(self, widget: object, message: object, buffers: object) -> None:
        self._ops.hear(message)

    def _changed(self, question: Question | None) -> None:
        """Show how things stand: a question was taken, one has ended, or the line has changed."""
        if self.desk.busy:
            self._show("busy", True)
            self._transcript.expect()
            return
        self._show("messages", seen_messages(self.conversation.turns))
        self._show_meter()
        if question is not None and question.error is None:
            self._show("reply", question.reply)
        self._show("busy", False)
        self._transcript.renew()
        if question is not None and question.error is None:
            self._replied(question.reply)

    def _looked(self, question: Question) -> None:
        self._transcript.renew_in_stream()

    def _show_facts(self, models: Sequence[str] | None = None, error: str = "") -> None:
        talk = self.conversation
        self._show("settings", self.desk.wishes.in_force())
        self._show("choices", choices_of(self.desk.wishes.clients, models, error))
        self._show("welcome", welcome_of(talk, self._examples))
        self._show_meter()

    def _show_meter(self) -> None:
        self._show("meter", meter_of(self.conversation, self.desk.wishes.given))

    def _show(self, name: str, value: Any) -> None:
        """Set a trait. An observer that fails is the author's to mend, and must not keep the panel from going on."""
        try:
            self.set_trait(name, value)
        except Exception:
            report(self.log)
