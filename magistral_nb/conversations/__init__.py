"""Conversations: what was said as a tree of values, the verbs that ask, and files that keep it."""

from __future__ import annotations

from magistral_nb.conversations.conversation import Conversation
from magistral_nb.conversations.turns import Turn

__all__ = ["Conversation", "Turn"]
