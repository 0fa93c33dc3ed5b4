"""How things look when they stand still, from plain data: HTML for a notebook, text for a terminal.

Nothing here knows a client, a widget or a `Reply`; what comes in is text and the dict of `Reply.to_dict()`.
"""
