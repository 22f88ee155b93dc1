"""Quality as a number: scripted candidates of eight languages against the graph, for development and CI only.

`run_evals(tier, report_path)` plays every dialogue of `evals/scripts/` and measures what the record holds afterwards.
pydantic-evals was looked at and left out: each of its releases pins one release of pydantic-ai, which the service would
have to follow, and its cases are single calls while ours are conversations with counts per field.
"""
