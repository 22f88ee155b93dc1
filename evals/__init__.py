"""Quality as a number: scripted candidates of eight languages against the graph, for development and CI only.

`run_evals(tier, report_path)` plays every dialogue of `evals/scripts/` and measures what the record holds afterwards.
The dialogues are cases of a pydantic-evals dataset (`dataset.py`); counts per field over all of them are ours.
"""
