"""Jupyter and IPython: the magics, and how a reply looks while it moves. The only room that knows them."""
